"""The sections of an .ini file that others read, checked before they are."""

import pytest
from processes import ini_file

from widget_service import cli
from widget_service.commands import sections

SERVER = "[server:main]\nuse = egg:widget_service#server\n"


def problems(tmp_path, text):
    file = tmp_path / "some.ini"
    file.write_text(f"[app:main]\nuse = egg:widget_service\n{text}", encoding="utf-8")
    found = [*sections.problems(str(file))]
    assert all(each.origin == str(file) for each in found)
    return [(each.key, each.text) for each in found]


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        (f"{SERVER}thraeds = 20\n", "[server:main]", "Unknown adjustment 'thraeds'"),
        (f"{SERVER}drain_seconds = soon\n", "[server:main]", "drain_seconds = soon: must be"),
        (f"{SERVER}[server:two]\nuse = main\nthreads = 0\n", "[server:two]", "threads = 0: "),
        ("[server:main]\nlisten = *:80\n", "[server:main]", "LookupError: No loader given"),
        ("[server:main]\nuse = egg:nowhere\n", "[server:main]", "No package metadata"),
        (f"{SERVER}[logers]\nkeys = root\n", "[logers]", "nobody reads it; did you mean loggers?"),
        ("[handler]\n", "[handler]", "nobody reads it; did you mean handlers?"),
    ],
)
def test_it_says_what_is_wrong(tmp_path, text, key, said):
    ((where, what),) = problems(tmp_path, text)
    assert where == key
    assert said in what


@pytest.mark.parametrize(
    "text",
    [
        SERVER,
        f"{SERVER}[server:second]\nuse = main\nlisten = *:6544\n",
        # An address that is taken, as by the service itself that runs, is no mistake in the file.
        f"{SERVER}listen = 192.0.2.1:80\n",
        "[server:main]\nuse = egg:waitress#main\nanything = goes\n",
        "[uwsgi]\nmaster = true\n",
        "[service:main]\n",
        # Given to pserve as an argument.
        "[server:main]\nuse = egg:widget_service#server\nlisten = *:%(http_port)s\n",
        "",
    ],
)
def test_it_has_nothing_to_say(tmp_path, text):
    assert problems(tmp_path, text) == []


LOGGING = """
[loggers]
keys = root, own
[handlers]
keys = console, file
[formatters]
keys = json
[logger_root]
level = INFO
handlers = console
[logger_own]
handlers = console, file
qualname = own
[handler_console]
class = StreamHandler
args = (sys.stderr,)
formatter = json
[handler_file]
class = handlers.RotatingFileHandler
args = ('service.log', 'w')
level = ERROR
[formatter_json]
class = widget_service.logs.JSONFormatter
"""


def test_it_finds_nothing_wrong_with_logging_and_opens_no_file(tmp_path):
    (tmp_path / "service.log").write_text("kept", encoding="utf-8")
    assert problems(tmp_path, LOGGING) == []
    assert (tmp_path / "service.log").read_text(encoding="utf-8") == "kept"


@pytest.mark.parametrize("before", ["[DEFAULT]\nhow = INFO\n", ""], ids=["default", "argument"])
def test_it_finds_nothing_wrong_with_a_level_that_is_told_elsewhere(tmp_path, before):
    text = LOGGING.replace("level = INFO", "level = %(how)s")
    assert problems(tmp_path, f"{text}format = %(message)s\n{before}") == []


@pytest.mark.parametrize(
    ("old", "new", "key", "said"),
    [
        ("level = INFO", "level = info", "[logger_root]", "level = info: must be such as INFO"),
        ("handlers = console\n[", "handlers = consol\n[", "[logger_root]", "consol is not among"),
        ("formatter = json", "formatter = text", "[handler_console]", "text is not among the keys"),
        ("(sys.stderr,)", "(sys.stderr", "[handler_console]", "args = (sys.stderr: is nothing"),
        ("StreamHandler", "StreemHandler", "[handler_console]", "class = StreemHandler: there is"),
        ("logs.JSONF", "logs.JSUNF", "[formatter_json]", "class = widget_service.logs.JSUNFormat"),
        (
            "[logger_own]",
            "[logger_else]",
            "[loggers]",
            "it names own, and there is no [logger",
        ),
        ("[handlers]\nkeys = console, file", "[handlers]", "[handlers]", "needs it, with a line"),
    ],
)
def test_it_says_what_is_wrong_with_logging(tmp_path, old, new, key, said):
    assert old in LOGGING
    found = problems(tmp_path, LOGGING.replace(old, new))
    assert any(where == key and said in what for where, what in found), found


KEY = ("WIDGET_SERVICE_JWT_PRIVATE_KEY", "0123456789abcdef-only-tests-sign-with-it")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ([], None),
        (
            [("level = INFO", "level = INFOO")],
            "- [logger_root] (FILE): level = INFOO: must be",
        ),
        ([("threads = 48", "threads = many")], "- [server:main] (FILE): threads = many: is no wh"),
    ],
)
def test_the_command_says_whether_it_would_start(tmp_path, monkeypatch, capsys, changes, said):
    file = ini_file("production.ini", tmp_path, *changes)
    monkeypatch.setenv(*KEY)
    status = cli.main(["-c", str(file), "config", "check"])
    written = capsys.readouterr()
    if said is None:
        assert (status, written.err) == (0, "")
        assert written.out.startswith("All settings are valid. ")
    else:
        assert (status, written.out) == (1, "")
        assert said.replace("FILE", str(file)) in written.err
