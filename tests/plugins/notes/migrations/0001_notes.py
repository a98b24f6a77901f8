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
        sa.Column("at", sa.DateTime(timezone=True), nullable=True),
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
    op.create_table(
        "note_similar",
        sa.Column("one_id", sa.Integer(), nullable=False),
        sa.Column("other_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("one_id", "other_id", name="pk_note_similar"),
        sa.ForeignKeyConstraint(["one_id"], ["note.id"], name="fk_note_similar_one_id_note"),
        sa.ForeignKeyConstraint(["other_id"], ["note.id"], name="fk_note_similar_other_id_note"),
    )


def downgrade():
    op.drop_table("note_similar")
    op.drop_table("note_tag")
    op.drop_table("note")
