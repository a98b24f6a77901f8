"""Broken .ini files: the service refuses to start, and names every mistake."""

import pytest
from mistakes import (
    INTEGER,
    KEY,
    OURS,
    PSYCOPG,
    SECRET,
    SECRETIVE,
    VARIABLE,
    Case,
    Mistake,
    check,
    check_application,
    check_command,
    plugin,
    prepare,
    text,
    variable,
)
from processes import run

PLACEHOLDER = "is a placeholder; try: openssl rand -base64 48"


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
            "cors.allow_headers = If-Match, \u65e5\u672c",
            "widgets.show_owner_email = maybe",
            key=None,
        ),
        [
            Mistake("jwt.expiration", "soon", f"soon {INTEGER}"),
            Mistake("rest.max_body_size", "1", "1 is less than minimum value 1024"),
            Mistake("rest.time_zone", "Europe/Atlantis", "must be the name of a time zone"),
            Mistake("cors.origins", "example.com", "example.com is no origin"),
            Mistake("cors.allow_headers", "If-Match, \u65e5\u672c", "is no name of a header"),
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
    "an empty key": Case(
        text(key=""), [Mistake("jwt.private_key", "***", "is empty; try: openssl rand -base64 48")]
    ),
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
    "[DEFAULT] after [app:main]": Case(
        text("docs.title = here", "[DEFAULT]", "docs.title = there"),
        [Mistake("docs.title", None, "[DEFAULT] has it as well, in line 9")],
    ),
    "variables that resemble nothing": Case(
        text(),
        [
            Mistake("WIDGET_SERVICE_SERVER_THREADS", None, "nobody reads this variable", VARIABLE),
            Mistake("WIDGET_SERVICE_DB_PORT", None, "nobody reads this variable", VARIABLE),
        ],
        # The others are what Kubernetes and Docker say of a service of this name, and its database.
        environ={
            "WIDGET_SERVICE_SERVER_THREADS": "4",
            "WIDGET_SERVICE_DB_PORT": "5432",
            "WIDGET_SERVICE_SERVICE_HOST": "10.0.0.1",
            "WIDGET_SERVICE_SERVICE_PORT": "6543",
            "WIDGET_SERVICE_SERVICE_PORT_HTTP": "6543",
            "WIDGET_SERVICE_PORT": "tcp://10.0.0.1:6543",
            "WIDGET_SERVICE_PORT_6543_TCP": "tcp://10.0.0.1:6543",
            "WIDGET_SERVICE_PORT_6543_TCP_PROTO": "tcp",
            "WIDGET_SERVICE_PORT_6543_TCP_ADDR": "10.0.0.1",
            "WIDGET_SERVICE_DATABASE_SERVICE_HOST": "10.0.0.2",
        },
    ),
    "a variable that is not UTF-8": Case(
        text(),
        [
            Mistake(
                "docs.title", None, "the value is not UTF-8", variable("WIDGET_SERVICE_DOCS_TITLE")
            )
        ],
        environ={"WIDGET_SERVICE_DOCS_TITLE": "caf\udce9"},
    ),
    "a variable that names the wrong secret": Case(
        text(),
        [
            Mistake(
                "jwt.expiration",
                "***",
                "*** is not a valid integer",
                "secret (WIDGET_SERVICE_JWT_EXPIRATION_FILE)",
            )
        ],
        environ={"WIDGET_SERVICE_JWT_EXPIRATION_FILE": "A SECRET"},
    ),
    "a variable that names another file": Case(
        text(),
        [Mistake("hosts.allowed", "***", "*** is no host", "_HOSTS_ALLOWED_FILE)")],
        environ={"WIDGET_SERVICE_HOSTS_ALLOWED_FILE": "A LINE"},
    ),
    "a variable that names a secret for plugins": Case(
        text(key=None),
        [
            Mistake("pyramid.includes", "***", "there is no package ***;", "_INCLUDES_FILE)"),
            Mistake("WIDGET_SERVICE_PASSLIB_ARGON___MEMORY_COST", None, "nobody", VARIABLE),
        ],
        environ={"WIDGET_SERVICE_PYRAMID_INCLUDES_FILE": "A SECRET"},
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
    ["several at once", "a secret in what a plugin raises", "mistakes in variables"],
    indirect=True,
)
def test_it_refuses_to_run_commands(file, case, capsys):
    check_command(file, case, capsys)


@pytest.mark.parametrize(
    "name",
    ["mistakes in variables", "a typo and a mistake on the command line"],
)
def test_it_refuses_in_a_process_of_its_own(tmp_path, name):
    ini, mistakes, environ, _modules, arguments, _files = CASES[name]
    file = tmp_path / "broken.ini"
    file.write_text(f"{ini}\n[server:main]\nuse = egg:waitress#main\n", encoding="utf-8")
    changes = [f"{key}={value}" for key, value in arguments.items()]
    done = run("pserve", str(file), *changes, cwd=tmp_path, **environ)
    assert (done.returncode, done.stdout) == (1, "")
    check(done.stderr, file, mistakes)
