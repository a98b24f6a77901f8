"""Files that PasteDeploy refuses to read: all that is wrong is named all the same."""

import pytest
from mistakes import INTEGER, SECRET, Mistake, check, text
from processes import run

from widget_service import cli
from widget_service.settings.sources import unreadable

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
    "all of these, and settings that are wrong": (
        "jwt.leeway = 1\n"
        + text(
            SECRET,
            f"docs.title = 100 % {SECRET}",
            "docs.ui_path = x",
            "hosts.allowed = http://%%",
            "jwt.leeway = 2",
            "jwt.leeway = 3",
            "jwt.expiraton = 60",
        ),
        [
            Mistake("FILE", None, "there must be a section before it", "line 1"),
            Mistake("jwt.leeway", None, "[app:main] has it already, in line 12", "line 13"),
            Mistake("FILE", None, "is no setting; write KEY = VALUE", "line 8"),
            Mistake("docs.title", None, "a percent sign is written %%"),
            Mistake("docs.ui_path", "x", "must be a path"),
            Mistake("hosts.allowed", "http://%", "http://% is no host"),
            Mistake("jwt.expiraton", "60", "did you mean jwt.expiration?"),
        ],
    ),
    "a byte order mark": (
        "\ufeff" + text("jwt.leeway = x"),
        [
            Mistake("FILE", None, "save the file as UTF-8 without one", "line 1"),
            Mistake("jwt.leeway", "x", f"x {INTEGER}"),
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


def test_it_says_that_the_locale_has_the_file_read_as_something_else(tmp_path):
    file = tmp_path / "whole.ini"
    file.write_text(text("docs.title = café"), encoding="utf-8")
    (problem,) = unreadable(str(file), UnicodeDecodeError("ascii", b"\xc3", 0, 1, "no such"))
    assert problem.text == "the locale has it read as ascii, which it is not; set PYTHONUTF8=1"
    command = ("widget-service", "-c", str(file), "config", "check")
    ascii_alone = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = run(*command, cwd=tmp_path, **ascii_alone)
    assert done.returncode == 1
    assert "the locale has it read as ascii, which it is not; set PYTHONUTF8=1" in done.stderr
    assert done.stderr.count("\n") == 2
    assert run(*command, cwd=tmp_path, LC_ALL="C", PYTHONUTF8="1").returncode == 0


def test_it_says_what_percent_signs_in_the_name_of_the_folder_do(tmp_path, capsys):
    folder = tmp_path / "100%"
    folder.mkdir()
    file = folder / "whole.ini"
    file.write_text(text(), encoding="utf-8")
    assert cli.main(["-c", str(file), "config", "check"]) == 1
    hint = "%(here)s cannot stand for a folder whose name has a percent sign"
    check(capsys.readouterr().err, file, [Mistake(str(file), None, hint, str(file))])
