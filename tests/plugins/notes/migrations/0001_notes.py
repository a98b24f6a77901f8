import sqlalchemy as sa
from alembic import op

revision = "notes0001"
down_revision = None
branch_labels = ("notes",)
depends_on = None


def upgrade():
    op.create_table(
        "note",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(10), nullable=False),
        sa.Column("about", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_note"),
        sa.ForeignKeyConstraint(
            ["about"], ["note.id"], name="fk_note_about_note", deferrable=True, initially="DEFERRED"
        ),
    )
    op.create_table(
        "note_tag",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("note_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_note_tag"),
        sa.ForeignKeyConstraint(
            ["note_id"], ["note.id"], name="fk_note_tag_note_id_note", ondelete="CASCADE"
        ),
    )


def downgrade():
    op.drop_table("note_tag")
    op.drop_table("note")
