"""Revisions, read without Alembic: what it would say of them, or nothing."""

import itertools
import subprocess
import sys

import pytest
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from core import core_ini
from pyramid.config import Configurator

from widget_service import migrations, revisions
from widget_service.settings import StartupError
from widget_service.testing import application, ini_text

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
        ([FIRST, FIRST], "0.py is named so, too"),
        ([FIRST, 'revision = "b1"\ndown_revision = None\nbranch_labels = "a"\n'], "0.py is named"),
        ([FIRST, 'revision = "a"\ndown_revision = "a1"\n'], "0.py is named so, too"),
        ([FIRST, 'revision = "a2"\ndown_revision = "a"\n'], "it comes after a, which no incl"),
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


@pytest.fixture
def unclear(monkeypatch):
    """Nothing is plain."""
    monkeypatch.setattr(revisions, "read", lambda _folders: None)


@pytest.mark.usefixtures("unclear")
def test_it_migrates_and_serves_with_alembic_alone(tmp_path):
    ini = core_ini(tmp_path, "plugins.notes")
    for _each in range(2):
        app = application(ini, tmp_path)
        assert app.registry.revisions is None
        assert revisions.compare(app.registry, ["notes0002"]) == ([], set())
        assert revisions.compare(app.registry, ["other"])[1] == {"other"}
        app.registry.database.close()


def test_a_service_that_is_up_to_date_does_not_load_alembic(tmp_path):
    ini = tmp_path / "test.ini"
    text = ini_text(f"sqlite:///{tmp_path}/x.sqlite")
    ini.write_text(text, encoding="utf-8")
    application(text, tmp_path).registry.database.close()
    program = (
        "import sys; from pyramid.paster import get_app; "
        f"get_app({str(ini)!r}); print(sorted({{'alembic', 'mako'}} & sys.modules.keys()))"
    )
    command = [sys.executable, "-c", program]
    assert subprocess.check_output(command, text=True, cwd=tmp_path) == "[]\n"


def test_it_reads_the_revisions_of_all_that_is_delivered(app):
    assert app.registry.revisions.heads == set(migrations.scripts(app.registry).get_heads())


def test_it_refuses_them_in_an_application_of_somebody_elses_too(tmp_path, write_plugin):
    for name in ("first", "second"):
        text = f'def includeme(config):\n    config.add_migrations("{name}:migrations")\n'
        write_plugin(f"{name}/__init__", text)
        write_plugin(f"{name}/migrations/0001", FIRST)
    url = f"sqlite:///{tmp_path / 'own.sqlite'}"
    config = Configurator(settings={"sqlalchemy.url": url, "database.migrate_at_start": "true"})
    for name in ("widget_service", "first", "second"):
        config.include(name)
    with pytest.raises(StartupError, match=r"0001\.py is named so, too"):
        config.make_wsgi_app()
