"""Broken .ini files: the service refuses to start, and names every mistake."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import plaster
import pytest
from processes import run

from widget_service import cli

SECRET = "hunter2-hunter2"
KEY = "kQ3vJ8mTz5wXb1Lr7NfYh2Pd9GsCa4Ue6Ri0Ox"
OURS = ("widget_service.auth", "widget_service.widgets", "widget_service.docs")
URL = "sqlite:///%(here)s/test.sqlite"
PSYCOPG = f"postgresql+psycopg://joe:{SECRET}@"
MASKED = "postgresql+psycopg://joe:***@"
PLACEHOLDER = "is a placeholder; try: openssl rand -base64 48"
INTEGER = "is not a valid integer"

# Two plugins that both want everything that there is only one of.
GREEDY = """
import colander
from widget_service.fields import Text
from widget_service.settings import setting
class Settings(colander.MappingSchema):
    taste = setting(Text(), "sweet", "How it tastes.")
def includeme(config):
    config.include("widget_service")
    config.declare_settings("cake", Settings())
    config.declare_permissions({"cake:eat": "eat it"})
    config.add_route("cake", "/cake")
    config.add_command("bake", print, help="bake it")
"""
SECRETIVE = """
import colander
from widget_service.fields import Text, WholeNumber
from widget_service.settings import setting
class Settings(colander.MappingSchema):
    number = setting(WholeNumber(), 1, "A secret number.", secret=True)
    word = setting(Text(), "one", "A secret word.", colander.OneOf(["one"]), secret=True)
def includeme(config):
    config.include("widget_service")
    config.declare_settings("safe", Settings())
"""


def plugin(*lines):
    """The text of a plugin whose includeme has these lines."""
    return "\n    ".join(["def includeme(config):", 'config.include("widget_service")', *lines])


def text(*lines, plugins=OURS, url=URL, key=KEY, migrate="true", before=""):
    """An .ini file, with these lines at its end; None leaves a setting out."""
    given = {
        "sqlalchemy.url": url,
        "database.migrate_at_start": migrate,
        "jwt.private_key": key,
    }
    return "\n".join(
        [
            *([before] if before else []),
            "[app:main]",
            "use = egg:widget_service",
            f"pyramid.includes = {' '.join(plugins)}",
            *(f"{name} = {value}" for name, value in given.items() if value is not None),
            *lines,
            "",
        ]
    )


class Mistake(NamedTuple):
    """What is expected to be said about one mistake.

    ``origin`` is where it is: by default the line of the file that the key begins.
    """

    key: str
    value: str | None
    text: str
    origin: str = "LINE"


class Case(NamedTuple):
    """A broken file, with what it is read beside."""

    ini: str
    mistakes: list[Mistake]
    environ: Mapping[str, str] = MappingProxyType({})
    modules: Mapping[str, str] = MappingProxyType({})
    arguments: Mapping[str, str] = MappingProxyType({})


def variable(name):
    return f"environment variable {name}"


CASES = {
    # Names.
    "a typo in a key": Case(
        text("docs.titel = 1"), [Mistake("docs.titel", "1", "did you mean docs.title?")]
    ),
    "a typo in a prefix": Case(
        text("paging.per_page = 10", "pageing.per_page = 25"),
        [Mistake("pageing.per_page", "25", "did you mean paging.per_page?")],
    ),
    "capitals": Case(
        text("Docs.Title = 1"), [Mistake("Docs.Title", "1", "did you mean docs.title?")]
    ),
    "a prefix of nobody": Case(
        text("gadgets.size = 5"),
        [Mistake("gadgets.size", "5", "no included plugin declares settings gadgets.*")],
    ),
    "no prefix": Case(text("debug = true"), [Mistake("debug", "true", "the prefix of a plugin")]),
    "a setting of a plugin that is not included": Case(
        text("docs.title = 1", plugins=OURS[:2]),
        [Mistake("docs.title", "1", "is one missing from pyramid.includes")],
    ),
    "a key of a library that it does not have": Case(
        text("sqlalchemy.pool_sise = 5", "tm.attempts = 3"),
        [
            Mistake("sqlalchemy.pool_sise", "5", "did you mean sqlalchemy.pool_size?"),
            Mistake("tm.attempts", "3", "unknown setting"),
        ],
    ),
    # Values.
    "several at once": Case(
        text(
            "jwt.expiration = soon",
            "rest.max_body_size = 1",
            "rest.time_zone = Europe/Atlantis",
            "cors.origins = example.com",
            "widgets.show_owner_email = maybe",
            key=None,
        ),
        [
            Mistake("jwt.expiration", "soon", f"soon {INTEGER}"),
            Mistake("rest.max_body_size", "1", "1 is less than minimum value 1024"),
            Mistake("rest.time_zone", "Europe/Atlantis", "must be the name of a time zone"),
            Mistake("cors.origins", "example.com", "example.com is no origin"),
            Mistake("widgets.show_owner_email", "maybe", "must be true or false"),
            Mistake("jwt.private_key", None, "must be set", "not set"),
        ],
    ),
    "too large": Case(
        text("cors.max_age = 86401"),
        [Mistake("cors.max_age", "86401", "86401 is greater than maximum value 86400")],
    ),
    "what Python calls a number": Case(
        text("jwt.expiration = 1_000", "jwt.leeway = ٣", "cors.max_age = 1e3"),
        [
            Mistake("jwt.expiration", "1_000", INTEGER),
            Mistake("jwt.leeway", "٣", INTEGER),
            Mistake("cors.max_age", "1e3", INTEGER),
        ],
    ),
    "a lifetime of nothing": Case(
        text("jwt.expiration = 0"),
        [Mistake("jwt.expiration", "0", "0 is less than minimum value 1")],
    ),
    "empty values": Case(
        text("jwt.expiration =", "rest.prefix =", "auth.realm =", "docs.ui_path ="),
        [
            Mistake("jwt.expiration", "(empty)", INTEGER),
            Mistake("rest.prefix", "(empty)", "must be a path such as /api/v1"),
            Mistake("auth.realm", "(empty)", "must be ASCII text"),
            Mistake("docs.ui_path", "(empty)", "must be a path"),
        ],
    ),
    "a rule across settings": Case(
        text("jwt.algorithm = HS512"),
        [Mistake("jwt.private_key", "***", "must have at least 64 bytes")],
    ),
    "a rule across settings behind another mistake": Case(
        text("jwt.expiration = soon", key="0123456789abcdef"),
        [
            Mistake("jwt.expiration", "soon", INTEGER),
            Mistake("jwt.private_key", "***", "must have at least 32 bytes"),
        ],
    ),
    "tweens and hooks that are not there": Case(
        text("pyramid.tweens = no.such.tween", "tm.commit_veto = pyramid_tm.no_veto"),
        [
            Mistake("pyramid.tweens", "no.such.tween", "cannot be imported: No module named 'no'"),
            Mistake("tm.commit_veto", "pyramid_tm.no_veto", "pyramid_tm.no_veto cannot be import"),
        ],
    ),
    # Keys.
    "no key": Case(
        text(key=None), [Mistake("jwt.private_key", None, "no default and must be set", "not set")]
    ),
    "an empty key": Case(text(key=""), [Mistake("jwt.private_key", "***", PLACEHOLDER)]),
    "a placeholder": Case(
        text(key="please-change-me-0123456789-0123456789"),
        [Mistake("jwt.private_key", "***", PLACEHOLDER)],
    ),
    "a short key": Case(
        text(key="0123456789abcdef"),
        [Mistake("jwt.private_key", "***", "must have at least 32 bytes")],
    ),
    "the key of development.ini": Case(
        text(key="development-key-that-everybody-can-read"),
        [Mistake("jwt.private_key", "***", "is the key of development.ini")],
    ),
    "no algorithm": Case(
        text("jwt.algorithm = none"),
        [Mistake("jwt.algorithm", "none", '"none" is not one of HS256, HS384, HS512')],
    ),
    # Secrets.
    "secrets under the wrong name": Case(
        text(
            f"jwt.private_kye = {SECRET}",
            f"sqlalchemy.ulr = {PSYCOPG}localhost/db",
            "safes.password = 1234",
            "jwt.privat_kay = 1234",
        ),
        [
            Mistake("jwt.private_kye", "***", "did you mean jwt.private_key?"),
            Mistake("sqlalchemy.ulr", "***", "did you mean sqlalchemy.url?"),
            Mistake("safes.password", "***", "no included plugin"),
            Mistake("jwt.privat_kay", "***", "did you mean jwt.private_key?"),
        ],
    ),
    "secrets in what a validator says": Case(
        text(f"safe.number = {SECRET}", f"safe.word = {SECRET}", plugins=[*OURS, "secretive"]),
        [
            Mistake("safe.number", "***", f"*** {INTEGER}"),
            Mistake("safe.word", "***", '"***" is not one of one'),
        ],
        modules={"secretive": SECRETIVE},
    ),
    "a secret in what a plugin raises": Case(
        text(plugins=[*OURS, "telltale"], url=f"{PSYCOPG}localhost:1/db"),
        [Mistake("pyramid.includes", "telltale", "ValueError: *** (")],
        modules={"telltale": plugin(f"raise ValueError({SECRET!r})")},
    ),
    # Databases.
    "no database": Case(
        text(url=None), [Mistake("sqlalchemy.url", None, "must be set", "not set")]
    ),
    "an empty URL": Case(text(url=""), [Mistake("sqlalchemy.url", "***", "is no URL")]),
    "nonsense for a URL": Case(
        text(url=f"my database {SECRET}"), [Mistake("sqlalchemy.url", "***", "is no URL")]
    ),
    "an unknown kind of database": Case(
        text(url=f"oracel://joe:{SECRET}@localhost/db"),
        [Mistake("sqlalchemy.url", "oracel://joe:***@localhost/db", "Can't load plugin")],
    ),
    "a driver that is not installed": Case(
        text(url=f"postgresql+asyncpg2://joe:{SECRET}@localhost/db"),
        [Mistake("sqlalchemy.url", "postgresql+asyncpg2://joe:***@localhost/db", "Can't load")],
    ),
    "a port that is no number": Case(
        text(url=f"{PSYCOPG}localhost:port/db"), [Mistake("sqlalchemy.url", "***", "is no URL")]
    ),
    "a password with an @": Case(
        text(url=f"postgresql+psycopg://joe:secret@{SECRET}@localhost/db"),
        [Mistake("sqlalchemy.url", "***", "write @ as %40")],
    ),
    "databases in memory": Case(
        text(url="sqlite://"),
        [Mistake("sqlalchemy.url", "sqlite://", "an in-memory SQLite database does not work")],
    ),
    "a named database in memory": Case(
        text(url="sqlite:///file::memory:?cache=shared&uri=true"),
        [
            Mistake(
                "sqlalchemy.url",
                "sqlite:///file%3A%3Amemory%3A?cache=shared&uri=true",
                "an in-memory SQLite database does not work; name a file",
            )
        ],
    ),
    "a server that is not there": Case(
        text(url=f"{PSYCOPG}localhost:1/db"),
        [Mistake("sqlalchemy.url", f"{MASKED}localhost:1/db", "the database cannot be used: conn")],
    ),
    "an option that the driver does not know": Case(
        text(url=f"{PSYCOPG}localhost:1/db?password={SECRET}&sslmode=maybe"),
        [
            Mistake(
                "sqlalchemy.url",
                f"{MASKED}localhost:1/db?password=***&sslmode=maybe",
                'the database cannot be used: connection is bad: invalid sslmode value: "maybe"',
            )
        ],
    ),
    "a folder that is not there": Case(
        text(url="sqlite:////no/such/folder/test.sqlite"),
        [Mistake("sqlalchemy.url", "sqlite:////no/such/folder/test.sqlite", "unable to open")],
    ),
    "a database that is not migrated": Case(
        text(migrate="false"),
        [Mistake("database.migrate_at_start", "false", "outstanding migrations (", "FILE")],
    ),
    # Passwords.
    "a hash that nobody knows": Case(
        text("passlib.schemes = argon3"),
        [Mistake("passlib.schemes", "argon3", "no crypt handler found for algorithm: 'argon3'")],
    ),
    "an option that passlib does not know": Case(
        text("passlib.argon2__time_cots = 3"),
        [Mistake("passlib.argon2__time_cots", "3", "keyword not supported by argon2 handler")],
    ),
    # Sources.
    "[DEFAULT] against [app:main]": Case(
        text("docs.title = here", before="[DEFAULT]\ndocs.title = there"),
        [Mistake("docs.title", None, "[DEFAULT] has it as well, in line 2", "LAST LINE")],
    ),
    "a typo in [DEFAULT]": Case(
        text(before="[DEFAULT]\nname = whatever\ndocs.titel = 2"),
        [Mistake("docs.titel", "2", "did you mean docs.title?")],
    ),
    "a typo and a mistake on the command line": Case(
        text("docs.title = here"),
        [
            Mistake("docs.titel", "3", "did you mean docs.title?", "command line"),
            Mistake("jwt.expiration", "never", INTEGER, "command line"),
        ],
        arguments={"docs.titel": "3", "jwt.expiration": "never", "docs.title": "there"},
    ),
    "mistakes in variables": Case(
        text("jwt.expiration = 600"),
        [
            Mistake("jwt.expiration", "soon", INTEGER, variable("WIDGET_SERVICE_JWT_EXPIRATION")),
            Mistake(
                "WIDGET_SERVICE_JWT_EXPIRATON",
                None,
                "nobody reads this variable; did you mean WIDGET_SERVICE_JWT_EXPIRATION?",
                "environment variable",
            ),
            Mistake(
                "WIDGET_SERVICE_PASSLIB_ARGON2__TIME_COST",
                None,
                "did you mean WIDGET_SERVICE_PASSLIB_ARGON___TIME_COST?",
                "environment variable",
            ),
        ],
        environ={
            "WIDGET_SERVICE_JWT_EXPIRATION": "soon",
            "WIDGET_SERVICE_JWT_EXPIRATON": SECRET,
            "WIDGET_SERVICE_PASSLIB_ARGON2__TIME_COST": "3",
        },
    ),
    "a variable and a file for it": Case(
        text(),
        [
            Mistake(
                "jwt.private_key",
                None,
                "WIDGET_SERVICE_JWT_PRIVATE_KEY_FILE is set as well; remove one of them",
                variable("WIDGET_SERVICE_JWT_PRIVATE_KEY"),
            )
        ],
        environ={
            "WIDGET_SERVICE_JWT_PRIVATE_KEY": f"{KEY}{SECRET}",
            "WIDGET_SERVICE_JWT_PRIVATE_KEY_FILE": "/run/secrets/jwt",
        },
    ),
    "files that cannot be read": Case(
        text(),
        [
            Mistake(
                "jwt.private_key",
                "/no/such/file",
                "the file cannot be read: [Errno 2]",
                variable("WIDGET_SERVICE_JWT_PRIVATE_KEY_FILE"),
            ),
            Mistake(
                "docs.title",
                "NOT UTF-8",
                "the file is not UTF-8",
                variable("WIDGET_SERVICE_DOCS_TITLE_FILE"),
            ),
        ],
        environ={
            "WIDGET_SERVICE_JWT_PRIVATE_KEY_FILE": "/no/such/file",
            "WIDGET_SERVICE_DOCS_TITLE_FILE": "NOT UTF-8",
        },
    ),
    # Plugins.
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
        [Mistake("rest service /echo/{}", None, "/plugins/", "/plugins/")],
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
                "nodes = {name: setting(Text(), '', '') for name in names}",
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
            "stumbling": SECRETIVE.replace('1, "A', 'colander.required, "A')
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
    "a file for a key of a library that cannot be read": Case(
        text("passlib.argon2__hash_len = 20"),
        [
            Mistake(
                "passlib.argon2__hash_len",
                "/no/such/file",
                "the file cannot be read",
                variable("WIDGET_SERVICE_PASSLIB_ARGON___HASH_LEN_FILE"),
            )
        ],
        environ={"WIDGET_SERVICE_PASSLIB_ARGON___HASH_LEN_FILE": "/no/such/file"},
    ),
    "two actions of one name": Case(
        text(plugins=[*OURS, "early", "late"]),
        [Mistake("tick", None, "there is one already: ", "(")],
        modules=dict.fromkeys(["early", "late"], plugin('config.action("tick")')),
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
def case(request, tmp_path, monkeypatch, write_plugin):
    """The path of a broken file, with everything in place, and what is to be said about it."""
    case = CASES[request.param]
    # Trial hashes cost most of the time that a start takes.
    monkeypatch.setenv("WIDGET_SERVICE_PASSLIB_ARGON___MEMORY_COST", "8")
    file = tmp_path / "broken.ini"
    file.write_text(case.ini, encoding="utf-8")
    latin = tmp_path / "latin"
    latin.write_bytes(b"\xe9")
    for name, value in case.environ.items():
        monkeypatch.setenv(name, value.replace("NOT UTF-8", str(latin)))
    for name, source in case.modules.items():
        write_plugin(name, source)
    return file, case


def where(mistake, file):
    """The origin of a mistake as the message has it."""
    lines = file.read_text(encoding="utf-8").splitlines()
    if mistake.origin == "LINE":
        numbers = [n for n, line in enumerate(lines, 1) if re.match(rf"{mistake.key}\s*=", line)]
        return f"({file}, line {numbers[0]})"
    return {"LAST LINE": f"({file}, line {len(lines)})", "FILE": f"({file})"}.get(
        mistake.origin, mistake.origin
    )


def check(message, file, mistakes):
    """Does the message name these mistakes, and no others?"""
    first, *lines = message.rstrip("\n").splitlines()
    assert first == f"widget_service cannot start, {len(mistakes)} problem(s):", message
    assert len(lines) == len(mistakes), message
    for mistake in mistakes:
        value = mistake.value and mistake.value.replace("NOT UTF-8", str(file.parent / "latin"))
        start = f"  - {mistake.key}" + (f" = {value} (" if value else " (")
        found = [line for line in lines if line.startswith(start)]
        assert found, f"{start} is not in {message}"
        assert any(mistake.text in line and where(mistake, file) in line for line in found), message
    assert SECRET not in message
    assert "Traceback" not in message


def test_it_refuses_to_start(case):
    file, (_ini, mistakes, _environ, _modules, arguments) = case
    loader = plaster.get_loader(str(file), protocols=["wsgi"])
    with pytest.raises(SystemExit) as refusal:
        loader.get_wsgi_app(defaults=arguments)
    check(str(refusal.value), file, mistakes)


@pytest.mark.parametrize(
    "case",
    [
        "several at once",
        "a secret in what a plugin raises",
        "a database that is not migrated",
        "mistakes in variables",
        "a plugin that fails when the service starts",
    ],
    indirect=True,
)
def test_it_refuses_to_run_commands(case, capsys):
    file, (_ini, mistakes, *_rest) = case
    assert cli.main(["purge-blacklist", "-c", str(file)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    check(err, file, mistakes)


UNREADABLE = {
    "single percent signs": (
        text(
            f"docs.title = 100 % {SECRET}",
            f"docs.description = %(nothing)s {SECRET}",
            "docs.version = 100%%",
            before="[DEFAULT]\nhalf = 50 %",
        ),
        [
            Mistake("half", None, "a percent sign is written %%"),
            Mistake("docs.title", None, "a percent sign is written %%"),
            Mistake("docs.description", None, "%(NAME)s must name a value that is there"),
        ],
    ),
    "keys that are there twice": (
        text("docs.title = a", f"docs.title = {SECRET}", "jwt.leeway = 1", "jwt.leeway = 2"),
        [
            Mistake("docs.title", None, "[app:main] has it already, in line 7", "line 8"),
            Mistake("jwt.leeway", None, "[app:main] has it already, in line 9", "LAST LINE"),
        ],
    ),
    "a key that is there twice for the server": (
        text() + f"[server:main]\nport = 1\nport = {SECRET}",
        [Mistake("[app:main]", None, "option 'port' in section 'server:main'", "FILE")],
    ),
    "no section": (
        "docs.title = x\n",
        [Mistake("FILE", None, "there must be a section before it", "line 1")],
    ),
    "lines that are no settings": (
        text(SECRET, "jwt.leeway = 1", SECRET),
        [
            Mistake("FILE", None, "is no setting; write KEY = VALUE", "line 7"),
            Mistake("FILE", None, "is no setting; write KEY = VALUE", "LAST LINE"),
        ],
    ),
    "no application": (
        "[server:main]\nuse = egg:waitress#main\n",
        [Mistake("[app:main]", None, "LookupError: No section 'main'", "FILE")],
    ),
    "an application of another name": (
        text().replace("egg:widget_service", "egg:no_such_service"),
        [Mistake("[app:main]", None, "no_such_service", "FILE")],
    ),
}


@pytest.mark.parametrize(("ini", "mistakes"), UNREADABLE.values(), ids=UNREADABLE)
def test_it_says_why_a_file_cannot_be_read(tmp_path, capsys, ini, mistakes):
    file = tmp_path / "broken.ini"
    file.write_text(ini, encoding="utf-8")
    assert cli.main(["-c", str(file), "config", "check"]) == 1
    named = [each._replace(key=each.key.replace("FILE", str(file))) for each in mistakes]
    check(capsys.readouterr().err, file, named)


def test_it_says_which_line_is_not_utf_8(tmp_path, capsys):
    file = tmp_path / "broken.ini"
    file.write_bytes(text("docs.title = caf").encode().rstrip() + b"\xe9\n")
    assert cli.main(["-c", str(file), "config", "check"]) == 1
    expected = [Mistake(str(file), None, "the file is not UTF-8", f"{file}, line 7")]
    message = capsys.readouterr().err
    assert message.count("\n") == 2
    assert str(expected[0].origin) in message
    assert expected[0].text in message


@pytest.mark.parametrize(
    "name",
    [
        "several at once",
        "secrets under the wrong name",
        "a server that is not there",
        "a plugin that raises",
        "mistakes in variables",
        "a typo and a mistake on the command line",
    ],
)
def test_it_refuses_in_a_process_of_its_own(tmp_path, write_plugin, name):
    ini, mistakes, environ, modules, arguments = CASES[name]
    file = tmp_path / "broken.ini"
    file.write_text(f"{ini}\n[server:main]\nuse = egg:waitress#main\n", encoding="utf-8")
    for module, source in modules.items():
        environ = {"PYTHONPATH": str(write_plugin(module, source).parent)}
    changes = [f"{key}={value}" for key, value in arguments.items()]
    done = run("pserve", str(file), *changes, cwd=tmp_path, **environ)
    assert (done.returncode, done.stdout) == (1, "")
    check(done.stderr, file, mistakes)
