"""The doors: webhooks, gateway callbacks, the API, health."""

from __future__ import annotations
