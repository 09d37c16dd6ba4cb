"""Who may do what: scopes and roles, passwords, tokens, sign-in, and the secrets that are kept encrypted."""

from __future__ import annotations
