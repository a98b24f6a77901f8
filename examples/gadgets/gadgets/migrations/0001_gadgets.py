"""Gadgets."""

import sqlalchemy as sa
from alembic import op

revision = "gadgets0001"
down_revision = None
branch_labels = ("gadgets",)
depends_on = ("auth",)


def upgrade():
    op.create_table(
        "gadget",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(20), nullable=False),
        sa.Column("title", sa.String(80), nullable=False),
        sa.Column("price", sa.Integer(), nullable=False),
        sa.Column("maker_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_gadget"),
        sa.UniqueConstraint("code", name="uq_gadget_code"),
        sa.CheckConstraint("price >= 0", name=op.f("ck_gadget_price")),
        sa.ForeignKeyConstraint(
            ["maker_id"], ["site_user.id"], name="fk_gadget_maker_id_site_user"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_gadget_maker_id", "gadget", ["maker_id"])


def downgrade():
    op.drop_table("gadget")
