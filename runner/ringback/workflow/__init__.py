"""What a workflow file says: read, checked, completed and described."""

from __future__ import annotations
