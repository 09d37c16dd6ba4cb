"""The currency of what a message costs, and whose word that is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Three columns; what messages cost until now, gateways had said."""
    op.add_column("messages", sa.Column("currency", sa.Text(), nullable=True))
    op.add_column("messages", sa.Column("cost_source", sa.Text(), nullable=True))
    op.add_column("reports", sa.Column("currency", sa.Text(), nullable=True))
    op.execute("UPDATE messages SET cost_source = 'gateway' WHERE cost IS NOT NULL")
