"""The account that a token belongs to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One column; the tokens that there are belong to nobody."""
    op.add_column("tokens", sa.Column("account", sa.Text(), nullable=True))
