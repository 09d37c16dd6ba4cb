"""Several ids of one message, and what reports say of its parts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Ids in a table of their own, filled from the messages there are; columns of reports."""
    op.create_table(
        "message_ids",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("gateway_id", sa.Text(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("connection", "gateway_id", "message_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("message_ids_message", "message_ids", ["message_id"], unique=False)
    op.execute(
        "INSERT INTO message_ids (connection, gateway_id, message_id)"
        " SELECT connection, gateway_id, id FROM messages"
        " WHERE gateway_id IS NOT NULL AND direction = 'out'"
    )
    op.create_index(
        "messages_sending",
        "messages",
        ["connection", "id"],
        unique=False,
        sqlite_where=sa.text("status = 'sending'"),
        postgresql_where=sa.text("status = 'sending'"),
    )
    op.add_column("reports", sa.Column("code", sa.Text(), nullable=True))
    op.add_column("reports", sa.Column("cost", sa.Text(), nullable=True))
    op.add_column("reports", sa.Column("segments", sa.Integer(), nullable=True))
    op.add_column("reports", sa.Column("sequence", sa.Integer(), nullable=True))
    op.add_column("reports", sa.Column("part", sa.Text(), nullable=True))
