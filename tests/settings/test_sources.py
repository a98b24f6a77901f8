"""Where settings come from: which source wins, and what is said of each."""

import pytest

from widget_service.settings.sources import Entry, Lines, Problem, Source, environment_variable

KEY = "jwt.private_key"
VARIABLE = "WIDGET_SERVICE_JWT_PRIVATE_KEY"

INI = """
[DEFAULT]
shared.a = 1

[app:other]
own.b = other

[app:main]
use = egg:widget_service
own.b = main
own.c : with a colon
set own.d = set
get own.e = shared.a
own.f =
    several
    own.g = lines
# own.h = comment
[server:main]
own.i = server
"""
SECTION = {"own.b": "main", "own.c": "with a colon", "own.e": "1", "own.f": "several own.g = lines"}
SHARED = {"shared.a": "1", "own.d": "set", "here": "x", "__file__": "y", "own.x": "2", "port": "1"}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "test.ini"
    path.write_text(INI, encoding="utf-8")
    return path


@pytest.fixture
def source(file):
    return Source(SECTION, {}, str(file), SHARED)


@pytest.mark.parametrize(
    ("key", "variable"),
    [
        ("jwt.private_key", "WIDGET_SERVICE_JWT_PRIVATE_KEY"),
        ("passlib.argon2__time_cost", "WIDGET_SERVICE_PASSLIB_ARGON___TIME_COST"),
    ],
)
def test_it_names_a_variable_after_the_letters_of_a_key(key, variable):
    assert environment_variable(key) == variable


@pytest.mark.parametrize(
    ("key", "text", "line"),
    [
        ("shared.a", "1", 3),
        ("own.b", "main", 10),
        ("own.c", "with a colon", 11),
        ("own.d", "set", 12),
        ("own.e", "1", 13),
        ("own.f", "several own.g = lines", 14),
    ],
)
def test_it_knows_the_line_of_a_key(source, file, key, text, line):
    assert source.entry(key) == Entry(text, f"{file}, line {line}")


def test_it_knows_what_the_command_line_sets(source):
    assert source.entry("own.x") == Entry("2", "command line")


def test_it_knows_what_the_command_line_sets_in_place_of_the_file(file):
    section = {key: value for key, value in SECTION.items() if key != "own.c"}
    source = Source(section, {}, str(file), {**SHARED, "own.c": "another"})
    assert source.entry("own.c") == Entry("another", "command line")


def test_it_knows_no_line_without_a_file():
    assert Source({"a.b": "1"}, {}).entry("a.b") == Entry("1", "app settings")


def test_it_knows_nothing_of_a_key_that_is_nowhere(source):
    assert source.entry("own.g") is None


def test_it_takes_for_settings_what_has_a_prefix(source):
    assert sorted(source.every_key()) == [*sorted(SECTION | {"own.d": ""}), "own.x", "shared.a"]


def test_it_reads_no_lines_of_a_file_that_is_gone(tmp_path):
    file = str(tmp_path / "gone.ini")
    assert Source({"a.b": "1"}, {}, file).entry("a.b") == Entry("1", file)


@pytest.mark.parametrize("shared", [{}, {KEY: "command line"}])
def test_it_prefers_the_environment(shared):
    source = Source({KEY: "section"}, {VARIABLE: "environment"}, None, shared)
    assert source.entry(KEY) == Entry("environment", f"environment variable {VARIABLE}")


@pytest.mark.parametrize(
    ("content", "text"),
    [(b"secret", "secret"), (b"secret\r\n\n", "secret"), (b" two\nlines ", " two\nlines ")],
)
def test_it_reads_a_file_that_a_variable_names(tmp_path, content, text):
    path = tmp_path / "key"
    path.write_bytes(content)
    source = Source({KEY: "section"}, {f"{VARIABLE}_FILE": str(path)})
    assert source.entry(KEY) == Entry(text, f"{path} ({VARIABLE}_FILE)", is_of_file=True)
    assert source.problems == []


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/no/such/file", "the file cannot be read: [Errno 2] No such file"),
        ("/", "the file cannot be read: [Errno 21] Is a directory"),
        ("a\0b", "the file cannot be read: embedded null byte"),
    ],
)
def test_it_says_once_that_a_file_cannot_be_read(path, said):
    source = Source({}, {f"{VARIABLE}_FILE": path})
    assert [source.entry(KEY), source.entry(KEY)] == [None, None]
    [problem] = source.problems
    assert problem[:3] == (KEY, path, f"environment variable {VARIABLE}_FILE")
    assert problem.text.startswith(said)


def test_it_refuses_a_variable_beside_a_file_for_it():
    source = Source({}, {VARIABLE: "secret", f"{VARIABLE}_FILE": "/run/secrets/key"})
    assert source.entry(KEY).text == "secret"
    [problem] = source.problems
    assert str(problem) == (
        f"{KEY} (environment variable {VARIABLE}): {VARIABLE}_FILE is set as well; "
        "remove one of them"
    )


def test_it_looks_at_the_variables_of_the_process_by_default(monkeypatch):
    monkeypatch.setenv(VARIABLE, "from the process")
    source = Source({})
    assert source.entry(KEY).text == "from the process"
    assert VARIABLE in set(source.variables())


@pytest.mark.parametrize("value", [None, "5"])
def test_it_shows_a_problem_in_one_line(value):
    shown = "" if value is None else " = 5"
    assert str(Problem("a.b", value, "here", "no")) == f"a.b{shown} (here): no"


def test_it_leaves_alone_what_goes_to_the_defaults_or_comes_from_there(tmp_path):
    file = tmp_path / "some.ini"
    file.write_text(
        "[app:main]\ndocs.title = here\n"
        "[app:other]\nset docs.version = 2\nget docs.description = docs.description\n"
        "[DEFAULT]\ndocs.title = there\ndocs.version = 1\ndocs.description = all\n",
        encoding="utf-8",
    )
    ((key, _value, where, _text),) = Lines(file).problems
    assert (key, where) == ("docs.title", f"{file}, line 2")
