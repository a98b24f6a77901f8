"""SQLite cannot alter a column: Alembic makes a new table and drops the old one."""

import sqlalchemy as sa
from alembic import op

revision = "notes0002"
down_revision = "notes0001"
branch_labels = None
depends_on = None


def upgrade():
    with op.batch_alter_table("note") as batch:
        batch.alter_column("text", type_=sa.String(100))


def downgrade():
    with op.batch_alter_table("note") as batch:
        batch.alter_column("text", type_=sa.String(10))
