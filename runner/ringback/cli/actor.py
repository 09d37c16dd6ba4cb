"""Who types: the user of this machine, for the audit trail."""

from __future__ import annotations

import getpass
import os
import socket

from ringback.journal.audit import Actor


def typing() -> Actor:
    """The user at the command line; with sudo also who they were before."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # no name for this number, as in some containers
        name = f"user {os.getuid()}"
    before = os.environ.get("SUDO_USER", "")
    return Actor("cli", f"{name} ({before})" if before else name, socket.gethostname())
