"""The files that came with a message."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One column."""
    op.add_column("messages", sa.Column("media", sa.Text(), nullable=False, server_default="[]"))
