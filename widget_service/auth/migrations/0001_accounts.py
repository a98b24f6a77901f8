"""Users, their tokens, and the blacklist of these."""

import sqlalchemy as sa
from alembic import op

revision = "auth0001"
down_revision = None
branch_labels = ("auth",)
depends_on = None


def upgrade():
    op.create_table(
        "site_user",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("public_id", sa.String(36), nullable=False),
        sa.Column("email", sa.String(255), nullable=False),
        sa.Column("email_key", sa.String(768), nullable=False),
        sa.Column("password_hash", sa.String(255), nullable=False),
        sa.Column("registered_on", sa.DateTime(timezone=True), nullable=False),
        sa.Column("admin", sa.Boolean(), nullable=False),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("password_version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_site_user"),
        sa.UniqueConstraint("email_key", name="uq_site_user_email_key"),
        sa.UniqueConstraint("public_id", name="uq_site_user_public_id"),
        # An id is never used again.
        sqlite_autoincrement=True,
    )
    op.create_table(
        "issued_token",
        sa.Column("jti", sa.String(36), nullable=False),
        sa.Column("user_id", sa.Integer(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("user_agent", sa.String(255), nullable=False),
        sa.PrimaryKeyConstraint("jti", name="pk_issued_token"),
        sa.ForeignKeyConstraint(
            ["user_id"], ["site_user.id"], name="fk_issued_token_user_id_site_user"
        ),
    )
    op.create_index("ix_issued_token_user_id", "issued_token", ["user_id"])
    op.create_index("ix_issued_token_expires_at", "issued_token", ["expires_at"])
    op.create_table(
        "token_blacklist",
        sa.Column("jti", sa.String(36), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("blacklisted_on", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("jti", name="pk_token_blacklist"),
    )
    op.create_index("ix_token_blacklist_expires_at", "token_blacklist", ["expires_at"])


def downgrade():
    op.drop_index("ix_token_blacklist_expires_at", "token_blacklist")
    op.drop_table("token_blacklist")
    op.drop_index("ix_issued_token_expires_at", "issued_token")
    op.drop_index("ix_issued_token_user_id", "issued_token")
    op.drop_table("issued_token")
    op.drop_table("site_user")
