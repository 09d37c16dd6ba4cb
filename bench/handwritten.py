"""What one would write by hand: a Flask route, a queue, threads, and the same three commits a run.

Served by the same server as Ringback. `/bare` is a route with one commit; `/hooks/bench` a whole run:
the request kept (commit), the intent kept (commit), the gateway called, the outcome kept (commit).
Settings come by the environment: BENCH_FOLDER, BENCH_GATEWAY (URL).
"""

from __future__ import annotations

import json
import os
import queue
import sqlite3
import threading
import uuid
from pathlib import Path
from typing import Any

import flask
import jinja2
import requests

THREADS = 8
FOLDER = Path(os.environ["BENCH_FOLDER"])
GATEWAY = os.environ["BENCH_GATEWAY"]
TEXT = jinja2.Environment(autoescape=False).from_string(
    "Hi {{ body.name }}, order {{ body.order }} is on its way."
)

app = flask.Flask(__name__)
runs: queue.SimpleQueue[tuple[str, dict[str, Any]]] = queue.SimpleQueue()
local = threading.local()


def connection() -> sqlite3.Connection:
    if not hasattr(local, "connection"):
        local.connection = sqlite3.connect(
            FOLDER / "handwritten.db", timeout=30, isolation_level=None
        )
        local.connection.execute("PRAGMA journal_mode=WAL")
        local.connection.execute("PRAGMA synchronous=FULL")
    made: sqlite3.Connection = local.connection
    return made


def commit(*statements: tuple[str, tuple[Any, ...]]) -> None:
    db = connection()
    db.execute("BEGIN IMMEDIATE")
    for sql, values in statements:
        db.execute(sql, values)
    db.execute("COMMIT")


def work() -> None:
    session = requests.Session()
    while True:
        run, body = runs.get()
        text = TEXT.render(body=body)
        message = uuid.uuid4().hex
        commit(
            (
                "INSERT INTO messages VALUES (?, ?, ?, ?, 'intended', NULL)",
                (message, run, body["phone"], text),
            ),
            ("UPDATE runs SET state = 'running' WHERE id = ?", (run,)),
        )
        answer = session.post(
            f"{GATEWAY}/api/v1/send", json={"to": body["phone"], "message": text}, timeout=30
        )
        commit(
            (
                "UPDATE messages SET state = 'sent', gateway_id = ? WHERE id = ?",
                (answer.json()["message_id"], message),
            ),
            ("UPDATE runs SET state = 'succeeded' WHERE id = ?", (run,)),
        )


@app.post("/hooks/bench")
def hook() -> tuple[dict[str, str], int]:
    body = flask.request.get_json()
    run = uuid.uuid4().hex
    commit(("INSERT INTO runs VALUES (?, 'queued', ?)", (run, json.dumps(body))))
    runs.put((run, body))
    return {"run": run}, 202


@app.post("/bare")
def bare() -> tuple[dict[str, str], int]:
    run = uuid.uuid4().hex
    commit(("INSERT INTO runs VALUES (?, 'bare', ?)", (run, flask.request.get_data(as_text=True))))
    return {"run": run}, 202


connection().executescript(
    "CREATE TABLE IF NOT EXISTS runs (id TEXT PRIMARY KEY, state TEXT, body TEXT);"
    "CREATE TABLE IF NOT EXISTS messages (id TEXT PRIMARY KEY, run TEXT, number TEXT, text TEXT, state TEXT, gateway_id TEXT);"
)
for _ in range(THREADS):
    threading.Thread(target=work, daemon=True).start()
