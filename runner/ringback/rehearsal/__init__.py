"""The rehearsal gateway: any gateway's manifest played backwards. It takes the send, answers, signs and calls back."""

from __future__ import annotations
