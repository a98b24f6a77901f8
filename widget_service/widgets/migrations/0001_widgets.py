"""Widgets."""

import sqlalchemy as sa
from alembic import op

revision = "widgets0001"
down_revision = None
branch_labels = ("widgets",)
# Owners are users. (Not "auth@head": a label in depends_on names the branch's first revision.)
depends_on = ("auth",)

# What [a-z0-9_-]+ is, in the words that SQLite and PostgreSQL share.
LEGAL = "abcdefghijklmnopqrstuvwxyz0123456789_-"


def upgrade():
    op.create_table(
        "widget",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("info_url", sa.String(255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deadline", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("owner_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_widget"),
        sa.UniqueConstraint("name", name="uq_widget_name"),
        sa.CheckConstraint(
            f"length(name) BETWEEN 1 AND 100 AND trim(name, '{LEGAL}') = ''",
            name=op.f("ck_widget_name"),
        ),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["site_user.id"], name="fk_widget_owner_id_site_user"
        ),
        # An id is never used again, so the order by id is the order of creation.
        sqlite_autoincrement=True,
    )
    op.create_index("ix_widget_owner_id", "widget", ["owner_id"])


def downgrade():
    op.drop_index("ix_widget_owner_id", "widget")
    op.drop_table("widget")
