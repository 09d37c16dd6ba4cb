"""/healthz: the process answers. /readyz: it can keep what comes in. /metrics: figures."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request

from ringback.engine.identity import NONCE, proof
from ringback.engine.runtime import Runtime
from ringback.web.errors import keeping
from ringback.web.metrics import registry


def health(runtime: Runtime) -> Blueprint:
    """The three addresses that watch over the process; they need no token and tell no secret."""
    doors = Blueprint("health", __name__)

    @doors.get("/healthz")
    def healthz() -> Response:
        nonce = request.args.get("nonce", "")
        if not NONCE.fullmatch(nonce):
            return jsonify({"status": "ok"})
        return jsonify({"status": "ok", "proof": proof(runtime.holder, nonce)})

    @doors.get("/readyz")
    def readyz() -> Response:
        with keeping("/readyz"):
            runtime.journal.write(lambda _connection: None)
        return jsonify({"status": "ready", "workflows": len(runtime.workflows.by_id)})

    @doors.get("/metrics")
    def scrape() -> Response:
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

        return Response(generate_latest(registry(runtime)), content_type=CONTENT_TYPE_LATEST)

    return doors
