"""An index that nothing uses since ids have a table of their own."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """It goes."""
    op.drop_index("messages_gateway", table_name="messages")
