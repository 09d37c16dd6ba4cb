"""The small project in which the demo plays, and the shipped recipes are tested."""

from __future__ import annotations

import secrets
from pathlib import Path

from ringback.cli import init

SECRETS = (
    "DEMO_API_KEY", "DEMO_WEBHOOK_SECRET", "DEMO_API_TOKEN", "DEMO_SHOP_SECRET", "DEMO_GATEWAY_SECRET",
)  # fmt: skip


def write_project(folder: Path, serve_port: int, rehearsal_url: str) -> dict[str, str]:
    """Write the demo's project into a folder; its secrets, fresh ones, by name."""
    words = {
        "SERVE_URL": f"http://127.0.0.1:{serve_port}",
        "SERVE_PORT": str(serve_port),
        "REHEARSAL_URL": rehearsal_url,
    }
    template = (init.TEMPLATES / "demo" / "ringback.yaml").read_text("utf-8")
    (folder / "ringback.yaml").write_text(init.fill(template, words), "utf-8")
    made = {name: secrets.token_urlsafe(24) for name in SECRETS}
    environment = folder / ".env"
    environment.touch(mode=0o600)
    environment.write_text("".join(f"{name}={value}\n" for name, value in made.items()), "utf-8")
    return made
