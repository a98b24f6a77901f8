"""Revisions, read without Alembic: what it would say of them, or nothing."""

import itertools

import pytest
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError

from widget_service.database import revisions

FIRST = 'revision = "a1"\ndown_revision = None\nbranch_labels = ("a",)\ndepends_on = None\n'
SECOND = 'revision = "a2"\ndown_revision = "a1"\n'
OTHER = 'revision = "b1"\ndown_revision = None\nbranch_labels = "b"\ndepends_on = ("a", "a2")\n'


@pytest.fixture
def write(tmp_path):
    """A function that writes a folder of revisions."""

    def made(*texts):
        folder = tmp_path / "revisions"
        folder.mkdir()
        for number, text in enumerate(texts):
            (folder / f"{number}.py").write_text(text, encoding="utf-8")
        return str(folder)

    return made


GRAPHS = {
    "one": [FIRST],
    "a line": [FIRST, SECOND],
    "two branches": [FIRST, SECOND, OTHER],
    "a merge": [
        FIRST,
        SECOND,
        'revision = "a3"\ndown_revision = "a1"\n',
        'revision = "a4"\ndown_revision = ("a2", "a3")\n',
    ],
    "with types": [FIRST, 'revision: str = "a2"\ndown_revision: str | None = "a1"\nx: int\n'],
    "with other files": [FIRST, "a = b = 1\n" + SECOND],
    "one that is named again": [FIRST + "other = revision\n"],
}


@pytest.mark.parametrize("texts", GRAPHS.values(), ids=GRAPHS)
def test_it_compares_as_alembic_does(write, tmp_path, texts):
    folder = write(*texts)
    (tmp_path / "revisions" / "__init__.py").write_text("", encoding="utf-8")
    (tmp_path / "revisions" / ".#0.py").write_text("an editor's", encoding="utf-8")
    found = revisions.read([folder])
    script = ScriptDirectory(folder, version_locations=[folder])
    names = [each.revision for each in script.walk_revisions()]
    assert found.heads == set(script.get_heads())
    for size in range(len(names) + 1):
        for current in itertools.combinations(names, size):
            try:
                reached = {each.revision for each in script.iterate_revisions(current, "base")}
            except RevisionError:  # one of them implies another, which no database has
                continue
            missing = sorted(set(script.get_heads()) - reached)
            assert found.compare(current) == (missing, set()), current


def test_it_knows_which_revisions_are_nobodys(write):
    assert revisions.read([write(FIRST)]).compare(["a1", "other"]) == ([], {"other"})


@pytest.mark.parametrize(
    "texts",
    [
        [],
        ["down_revision = None\n"],
        ["revision = 1\ndown_revision = None\n"],
        ['revision = "a1"\n'],
        ['revision = "a1"\nif True:\n    down_revision = None\n'],
        ['revision, down_revision = "a1", None\n'],
        ['revision = "a1"\ndown_revision = None\nrevision += "2"\n'],
        ['revision = "a1"\nfrom first import FIRST as down_revision\n'],
        ['revision = "a1"\ndown_revision = None\nfrom first import *\n'],
        ['revision = "a1"\ndown_revision = None\ndef depends_on(): pass\n'],
        ['revision = "a1"\ndown_revision = None\nasync def depends_on(): pass\n'],
        ['revision = "a1"\ndown_revision = None\nclass depends_on: pass\n'],
        ['revision = "a1"\ndown_revision = None\nfrom first import FIRST as depends_on\n'],
        [FIRST + "deep = " + " + ".join(["1"] * 10_000)],
        ['revision = "a1"\nfor down_revision in ["a"]: pass\n'],
        ['revision = "a1"\ndown_revision = None\ndel revision\n'],
        ['revision = "a1"\ndown_revision: str\n'],
        ['revision = "a1"\ndown_revision = "a1"\n'],
        [
            FIRST,
            'revision = "a2"\ndown_revision = "a3"\n',
            'revision = "a3"\ndown_revision = "a2"\n',
        ],
        ['revision = "a" + "1"\ndown_revision = None\n'],
        ["revision = name()\ndown_revision = None\n"],
        ["revision =\n"],
        [FIRST, 'revision = "a2"\ndown_revision = ("a1", 1)\n'],
        [FIRST, 'revision = "a2"\ndown_revision = 1\n'],
        [b"\xff".decode("latin-1") + "\0"],
    ],
)
def test_it_leaves_to_alembic_what_is_not_plain(write, texts):
    assert revisions.read([write(*texts)]) is None


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ([FIRST, FIRST], "0.py is named so, too$"),
        ([FIRST, 'revision = "b1"\ndown_revision = None\nbranch_labels = "a"\n'], "0.py is named"),
        ([FIRST, 'revision = "a"\ndown_revision = "a1"\n'], "0.py is named so, too"),
        ([FIRST, 'revision = "a2"\ndown_revision = "a"\n'], "^it comes after a, which no incl"),
        (['revision = "a2"\ndown_revision = ("a1", "a0")\n'], "it comes after a0, a1, which"),
        (
            [FIRST, 'revision = "b1"\ndown_revision = None\ndepends_on = "a@head"\n'],
            "a@head, which",
        ),
    ],
)
def test_it_refuses_what_cannot_be_meant_so(write, texts, said):
    folder = write(*texts)
    with pytest.raises(revisions.Mistaken, match=said) as refused:
        revisions.read([folder])
    assert refused.value.revision.file.name == f"{len(texts) - 1}.py"
    # Nor does Alembic know what to do.
    script = ScriptDirectory(folder, version_locations=[folder])
    with pytest.raises((KeyError, RevisionError, UserWarning)):
        script.get_heads()


def test_it_leaves_to_alembic_what_it_cannot_read(write, tmp_path):
    folder = write(FIRST)
    (tmp_path / "revisions" / "directory.py").mkdir()
    assert revisions.read([folder]) is None
