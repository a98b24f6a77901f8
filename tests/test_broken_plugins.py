"""Broken plugins: the service refuses to start, and says which plugin, where, and why."""

import pytest
from mistakes import (
    INTEGER,
    OURS,
    SECRETIVE,
    Case,
    Mistake,
    check,
    check_application,
    check_command,
    plugin,
    prepare,
    text,
)
from processes import run

# Two plugins that both want everything that there is only one of.
GREEDY = """
import colander
from widget_service.fields import Text
from widget_service.settings import setting
class Settings(colander.MappingSchema):
    taste = setting(Text(), "How it tastes.", default="sweet")
def includeme(config):
    config.include("widget_service")
    config.declare_settings("cake", Settings())
    config.declare_permissions({"cake:eat": "eat it"})
    config.add_route("cake", "/cake")
    config.add_command("bake", print, help="bake it")
"""

# A setting whose own rule refuses its default.
THIN = """
import colander
from widget_service.fields import WholeNumber
from widget_service.settings import setting
class Settings(colander.MappingSchema):
    slices = setting(WholeNumber(), "How many.", colander.Range(1, 12), default=0)
def includeme(config):
    config.include("widget_service")
    config.declare_settings("cake", Settings())
"""

CASES = {
    "plugins that are not there": Case(
        text("docs.titel = 1", plugins=[*OURS, "gadgts", "widget_service.widgts"]),
        [
            Mistake("pyramid.includes", "gadgts", "there is no package gadgts; is it spelled"),
            Mistake(
                "pyramid.includes", "widget_service.widgts", "no package widget_service.widgts"
            ),
            Mistake("docs.titel", "1", "did you mean docs.title?"),
        ],
    ),
    "a plugin that raises": Case(
        text("docs.titel = 1", plugins=[*OURS, "raising"]),
        [
            Mistake("pyramid.includes", "raising", "/raising.py, line 3)"),
            Mistake("docs.titel", "1", "did you mean docs.title?"),
        ],
        modules={"raising": plugin('config.add_route("nowhere")')},
    ),
    "settings that are a class": Case(
        text(plugins=[*OURS, "classy"]),
        [
            Mistake(
                "pyramid.includes",
                "classy",
                "settings cake: <class 'colander.Schema'> is no instance of a schema",
            )
        ],
        modules={
            "classy": plugin(
                "import colander", 'config.declare_settings("cake", colander.MappingSchema)'
            )
        },
    ),
    "a setting whose default is none": Case(
        text(plugins=[*OURS, "thin"]),
        [
            Mistake(
                "pyramid.includes",
                "thin",
                "setting cake.slices: its default: 0 is less than minimum value 1",
            )
        ],
        modules={"thin": THIN},
    ),
    "a plugin with a syntax error": Case(
        text(plugins=[*OURS, "illiterate"]),
        [Mistake("pyramid.includes", "illiterate", "SyntaxError")],
        modules={"illiterate": "def includeme(config) pass"},
    ),
    "a module that is no plugin": Case(
        text(plugins=[*OURS, "json"]),
        [Mistake("pyramid.includes", "json", "module 'json' has no attribute 'includeme'")],
    ),
    "a plugin that includes what is not there": Case(
        text(plugins=[*OURS, "needy"]),
        [Mistake("pyramid.includes", "needy", "it needs not_installed, which is not installed (")],
        modules={"needy": plugin('config.include("not_installed")')},
    ),
    "a plugin whose name begins that of what it needs": Case(
        text(plugins=[*OURS, "needy_too"]),
        [Mistake("pyramid.includes", "needy_too", "it needs needy, which is not installed (")],
        modules={"needy_too": "import needy"},
    ),
    "two plugins that want the same": Case(
        text(plugins=[*OURS, "first", "second"]),
        [
            Mistake("cake.*", None, "/first.py, line 9) and by second", "/second.py, line 9"),
            Mistake("permission cake:eat", None, "/second.py, line 10", "/first.py, line 10"),
            Mistake("route cake", None, "/second.py, line 11", "/first.py, line 11"),
            Mistake("command bake", None, "/second.py, line 12", "/first.py, line 12"),
        ],
        modules={"first": GREEDY, "second": GREEDY},
    ),
    "two routes on one path": Case(
        text(plugins=[*OURS, "first", "second"]),
        [
            Mistake(
                "/cake/{}",
                None,
                "the path of route two is that of one (",
                "/second.py, line 3",
            )
        ],
        modules={
            "first": plugin('config.add_route("one", "/cake/{piece}")'),
            "second": plugin('config.add_route("two", "cake/{slice}")'),
        },
    ),
    "two services on one path": Case(
        text(plugins=["plugins.echo", "plugins.twice", *OURS]),
        [Mistake("rest service /api/v1/echo/{}", None, "/plugins/", "/plugins/")],
    ),
    "a permission that nobody declared": Case(
        text(plugins=[*OURS, "secretive", "undeclared"]),
        [
            Mistake(
                "cake:eat", None, "no plugin names it in config.declare_perm", "/undeclared.py, l"
            )
        ],
        modules={
            "secretive": SECRETIVE,
            "undeclared": plugin(
                'config.add_route("cake", "/cake")',
                'config.add_view(lambda _request: {}, route_name="cake", permission="cake:eat")',
            ),
        },
    ),
    "settings with names that no source can have": Case(
        text(plugins=[*OURS, "dotted"]),
        [Mistake("pyramid.includes", "dotted", "'a.b' must be of lower-case letters")],
        modules={
            "dotted": plugin(
                "import colander", 'config.declare_settings("a.b", colander.MappingSchema())'
            )
        },
    ),
    "two settings with one variable": Case(
        text(plugins=[*OURS, "numbered"]),
        [
            Mistake(
                "cake.piece2",
                None,
                "has the same environment variable as cake.piece1",
                "/numbered.py, line",
            ),
            Mistake(
                "cake.file_x",
                None,
                "has the same environment variable as cake.file1x",
                "/numbered.py, line",
            ),
        ],
        modules={
            "numbered": plugin(
                "import colander",
                "from widget_service.fields import Text",
                "from widget_service.settings import setting",
                "names = ['piece1', 'piece2', 'file1x', 'file_x']",
                "nodes = {name: setting(Text(), '', default='') for name in names}",
                "schema = type('Cake', (colander.MappingSchema,), nodes)()",
                'config.declare_settings("cake", schema)',
            )
        },
    ),
    "a plugin that fails when it is configured": Case(
        text(plugins=[*OURS, "late"]),
        [Mistake("configuration", None, "ZeroDivisionError: division", "/late.py, line 3")],
        modules={"late": plugin('config.action("late", lambda: 1 / 0)')},
    ),
    "a plugin that adds what is not there": Case(
        text(plugins=[*OURS, "viewless"]),
        [Mistake("configuration", None, "No route named cake", "/viewless.py, line 3")],
        modules={"viewless": plugin('config.add_view(lambda _request: {}, route_name="cake")')},
    ),
    "a plugin that fails when the service starts": Case(
        text(plugins=[*OURS, "later"]),
        [Mistake("start", None, "ZeroDivisionError: division", "/later.py, line 4")],
        modules={
            "later": plugin(
                "from pyramid.events import ApplicationCreated",
                "config.add_subscriber(lambda _event: 1 / 0, ApplicationCreated)",
            )
        },
    ),
    "a plugin that stumbles over its mistake": Case(
        text("safe.number = many", plugins=[*OURS, "stumbling"]),
        [Mistake("safe.number", "***", INTEGER)],
        modules={
            "stumbling": SECRETIVE.replace("default=1", "default=colander.required")
            + '    config.registry.settings_values["safe"].number + 1\n'
            + '    config.action("late", lambda: 1 / 0)\n'
        },
    ),
    "a plugin whose action fails after a mistake": Case(
        text("jwt.leeway = many", plugins=[*OURS, "late"]),
        [Mistake("jwt.leeway", "many", INTEGER)],
        modules={"late": plugin('config.action("late", lambda: 1 / 0)')},
    ),
    "a rule for a whole plugin": Case(
        text("safe.number = 2", plugins=[*OURS, "ruled"]),
        [Mistake("safe.*", None, "must be odd", "not set")],
        modules={
            "ruled": SECRETIVE.replace(
                "def includeme",
                "    def validator(self, node, values):\n"
                '        raise colander.Invalid(node, "must be odd")\n'
                "def includeme",
            )
        },
    ),
    "two actions of one name": Case(
        text(plugins=[*OURS, "early", "late"]),
        [Mistake("tick", None, "there is one already: ", "(")],
        modules=dict.fromkeys(["early", "late"], plugin('config.action("tick")')),
    ),
    "two revisions of one name": Case(
        text(plugins=[*OURS, "first", "second"]),
        [Mistake("revision cake1", None, "/first/migrations/0001.py is named so", "/second/migra")],
        modules={
            "first/__init__": plugin('config.add_migrations("first:migrations")'),
            "first/migrations/0001": 'revision = "cake1"\ndown_revision = None\n',
            "second/__init__": plugin('config.add_migrations("second:migrations")'),
            "second/migrations/0001": 'revision = "cake1"\ndown_revision = None\n',
        },
    ),
    "a revision after one that is not there": Case(
        text(plugins=[*OURS, "first"]),
        [Mistake("revision cake1", None, "it comes after acounts, which no incl", "/0001.py")],
        modules={
            "first/__init__": plugin('config.add_migrations("first:migrations")'),
            "first/migrations/0001": 'revision = "cake1"\ndown_revision = None\n'
            'depends_on = "acounts"\n',
        },
    ),
    "a prefix that the core has": Case(
        text(plugins=[*OURS, "usurper"]),
        [Mistake("pyramid.*", None, "declared by widget_service (", "/usurper.py, line 4")],
        modules={
            "usurper": plugin(
                "import colander", 'config.declare_settings("pyramid", colander.MappingSchema())'
            )
        },
    ),
}


@pytest.fixture(params=CASES)
def case(request):
    """One of the broken files."""
    return CASES[request.param]


@pytest.fixture
def file(case, tmp_path, monkeypatch, write_plugin):
    """Its path, with everything in place that it is read beside."""
    return prepare(case, tmp_path, monkeypatch, write_plugin)


def test_it_refuses_to_start(file, case):
    check_application(file, case)


@pytest.mark.parametrize(
    "case",
    ["a plugin that raises", "a plugin that fails when the service starts"],
    indirect=True,
)
def test_it_refuses_to_run_commands(file, case, capsys):
    check_command(file, case, capsys)


# A model of one test would be there for all that come after it.
MODEL = """
from sqlalchemy.orm import Mapped, mapped_column
from widget_service.db import Base
class Cake(Base):
    __tablename__ = "cake"
    id: Mapped[int] = mapped_column(primary_key=True)
"""
ALONE = {
    "a plugin that raises": CASES["a plugin that raises"],
    "a model whose table nobody makes": Case(
        text(plugins=[*OURS, "baking"]),
        [Mistake("table cake", None, "is not there; name the plugin's migr", "(baking)")],
        modules={"baking": MODEL + plugin()},
    ),
}


@pytest.mark.parametrize("case", ALONE.values(), ids=ALONE)
def test_it_refuses_in_a_process_of_its_own(tmp_path, write_plugin, case):
    file = tmp_path / "broken.ini"
    file.write_text(f"{case.ini}\n[server:main]\nuse = egg:waitress#main\n", encoding="utf-8")
    [(name, source)] = case.modules.items()
    folder = write_plugin(name, source).parent
    done = run("pserve", str(file), cwd=tmp_path, PYTHONPATH=str(folder))
    assert (done.returncode, done.stdout) == (1, "")
    check(done.stderr, file, case.mistakes)
