"""The commands that an operator has for accounts, run from an .ini file on disk."""

import io
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from sqlalchemy import func, insert, select

from widget_service import cli
from widget_service.auth.models import BlacklistedToken, IssuedToken, User
from widget_service.testing import Client, application, empty, ini_text

EMAIL = "Somebody@Example.com"
PASSWORD = "123456"
USER = "/api/v1/auth/user"
LOGIN = "/api/v1/auth/login"
BLACKLISTED = {"message": "Token blacklisted. Please log in again."}


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp("commands")


@pytest.fixture(scope="module")
def module_app(directory):
    """A running application, and its .ini file for the commands in the same directory."""
    ini = ini_text(f"sqlite:///{directory / 'commands.sqlite'}", plugins=["widget_service.auth"])
    app = application(ini, directory)
    yield app
    app.registry.database.close()


@pytest.fixture
def service(module_app):
    """A stranger to the application, on emptied tables."""
    empty(module_app.registry)
    return Client(module_app)


@pytest.fixture
def command(service, directory, monkeypatch, capsys):
    """Runs ``widget-service -c FILE.ini …``: exit status, output, errors."""
    return runner(directory / "test.ini", monkeypatch, capsys)


def runner(ini, monkeypatch, capsys):
    def run(*arguments, stdin=""):
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        status = cli.main(["-c", str(ini), *arguments])
        return status, *capsys.readouterr()

    return run


@pytest.fixture
def terminal(monkeypatch):
    """Somebody at a terminal, who types these answers to the questions for a password."""

    def answer(*typed):
        answers = iter(typed)
        asked = []

        def ask(question):
            asked.append(question)
            answered = next(answers)
            if isinstance(answered, BaseException):
                raise answered
            return answered

        monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
        monkeypatch.setattr("getpass.getpass", ask)
        return asked

    return answer


def account(service, email=EMAIL):
    statement = select(User.__table__).where(User.email == email)
    with service.registry.database.read_engine.connect() as connection:
        return connection.execute(statement).mappings().one_or_none()


def named(service, email=EMAIL):
    """An account as commands name it."""
    return f"{email} ({account(service, email)['public_id']})"


def test_it_adds_a_user_with_the_password_of_the_first_line(service, command):
    status, out, err = command("add-user", EMAIL, stdin=f"{PASSWORD}\nmore\n")
    assert (status, out, err) == (0, f"{named(service)} added\n", "")
    user = service.log_in(EMAIL, PASSWORD)
    assert user.get("/api/v1/auth/user").json["admin"] is False


@pytest.mark.parametrize("line", ["a b ", "\xe9\u20ac", "x\r", "x"])
def test_it_takes_the_line_as_it_is_but_for_its_end(service, command, line):
    assert command("add-user", EMAIL, stdin=f"{line}\n")[0] == 0
    service.log_in(EMAIL, line.rstrip("\r"))


def test_it_adds_administrators(service, command):
    status, out, _ = command("add-user", "--admin", EMAIL, stdin=PASSWORD)
    assert (status, out) == (0, f"{named(service)} added as an administrator\n")
    assert service.log_in(EMAIL, PASSWORD).get("/api/v1/auth/user").json["admin"] is True


@pytest.mark.parametrize("email", [EMAIL, EMAIL.upper()])
def test_it_refuses_an_address_that_is_registered(service, command, email):
    command("add-user", EMAIL, stdin=PASSWORD)
    before = account(service)
    status, out, err = command("add-user", "--admin", email, stdin="another")
    assert (status, out, err) == (1, "", f"{email} is already registered\n")
    assert account(service) == before


@pytest.mark.parametrize(
    ("email", "password", "text"),
    [
        ("somebody", PASSWORD, "somebody is not a valid email"),
        ("", PASSWORD, " is not a valid email"),
        (EMAIL, "", "The password must not be empty"),
        (EMAIL, "\n", "The password must not be empty"),
        (EMAIL, "x" * 1025, "The password is longer than 1024 bytes"),
        (EMAIL, "x\0", "The password contains invalid characters"),
        (EMAIL, "\udcff", "The password contains invalid characters"),
        ("a@b", "", "a@b is not a valid email\nThe password must not be empty"),
    ],
)
def test_it_refuses_what_registration_refuses(service, command, email, password, text):
    assert command("add-user", email, stdin=password) == (1, "", f"{text}\n")
    assert account(service, email) is None


def test_it_refuses_a_password_that_is_no_text(service, monkeypatch, capsys, directory):
    raw = io.TextIOWrapper(io.BytesIO(b"\xff\n"), encoding="utf-8")
    monkeypatch.setattr("sys.stdin", raw)
    assert cli.main(["-c", str(directory / "test.ini"), "add-user", EMAIL]) == 1
    assert account(service) is None
    assert capsys.readouterr().err == "no password was given\n"


@pytest.mark.parametrize(
    ("typed", "status", "error"),
    [
        ((PASSWORD, PASSWORD), 0, ""),
        ((PASSWORD, "123457"), 1, "the two passwords differ\n"),
        ((EOFError(),), 1, "no password was given\n"),
        ((PASSWORD, EOFError()), 1, "no password was given\n"),
    ],
    ids=repr,
)
def test_it_asks_twice_at_a_terminal(service, terminal, directory, capsys, typed, status, error):
    asked = terminal(*typed)
    assert cli.main(["-c", str(directory / "test.ini"), "add-user", EMAIL]) == status
    assert capsys.readouterr().err == error
    assert asked == ["Password: ", "Once more: "][: len(typed)]
    assert (account(service) is not None) == (status == 0)


def test_it_changes_accounts_in_any_spelling(service, command):
    service.sign_up(EMAIL)
    service.sign_up("other@example.com")
    others = account(service, "other@example.com")
    for name, admin, disabled in (
        ("demote", False, False),
        ("promote", True, False),
        ("promote", True, False),
        ("disable", True, True),
        ("demote", False, True),
        ("enable", False, False),
        ("enable", False, False),
    ):
        status, out, err = command(name, EMAIL.lower())
        assert (status, err) == (0, "")
        assert out.startswith(f"{named(service)} is ")
        found = account(service)
        assert (found["admin"], found["disabled"]) == (admin, disabled)
    assert account(service, "other@example.com") == others


@pytest.mark.parametrize("name", ["promote", "disable", "log-out", "delete-user"])
def test_it_says_which_account_it_was_and_not_what_was_typed(service, command, name):
    # One address, as far as logging in goes.
    service.sign_up("strasse@example.com")
    shown = named(service, "strasse@example.com")
    status, out, err = command(name, "stra\xdfe@example.com")
    assert (status, err) == (0, "")
    assert out.startswith(f"{shown} ")


@pytest.mark.parametrize(
    "name", ["promote", "demote", "disable", "enable", "log-out", "delete-user"]
)
def test_it_says_whom_it_does_not_know(command, name):
    status, out, err = command(name, "nobody@example.com")
    assert (status, out, err) == (1, "", "nobody@example.com is not registered\n")
    status, out, err = command(name, "nobody")
    assert (status, out) == (1, "")
    assert err.startswith("nobody: ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["add-user"],
        ["add-user", EMAIL, "another"],
        ["promote"],
        ["demote", EMAIL, "--admin"],
        ["log-out"],
        ["set-password", EMAIL, PASSWORD],
        ["purge-blacklist", "now"],
    ],
)
def test_it_explains_itself_to_wrong_arguments(command, arguments):
    with pytest.raises(SystemExit) as refusal:
        command(*arguments)
    assert refusal.value.code == 2


def test_it_purges_what_has_expired_and_nothing_else(service, command):
    now = datetime.now(UTC)
    rows = [
        {"jti": str(number), "expires_at": now + timedelta(hours=hours), "blacklisted_on": now}
        for number, hours in enumerate([-1] * 1500 + [1] * 3)
    ]
    engine = service.registry.database.write_engine
    with engine.begin() as connection:
        connection.execute(insert(BlacklistedToken), rows)
    purged = "1500 expired token(s) removed from the blacklist\n"
    assert command("purge-blacklist") == (0, purged, "")
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(BlacklistedToken)) == 3
    assert command("purge-blacklist")[1].startswith("0 expired")


def test_it_acts_at_once_on_a_service_that_runs(own_database, tmp_path, monkeypatch, capsys):
    app = application(ini_text(own_database, plugins=["widget_service.auth"]), tmp_path)
    command = runner(tmp_path / "test.ini", monkeypatch, capsys)
    assert command("add-user", EMAIL, stdin=PASSWORD)[0] == 0
    user = Client(app).log_in(EMAIL, PASSWORD)
    assert command("disable", EMAIL)[0] == 0
    assert user.get("/api/v1/auth/user", status=401)
    assert command("purge-blacklist")[0] == 0
    app.registry.database.close()


@pytest.fixture
def own(own_database, tmp_path, monkeypatch, capsys):
    """A stranger to a service with a database of its own, and its commands."""
    app = application(ini_text(own_database, plugins=["widget_service.auth"]), tmp_path)
    yield Client(app), runner(tmp_path / "test.ini", monkeypatch, capsys)
    app.registry.database.close()


def test_it_logs_an_account_out_everywhere(own):
    service, command = own
    users = [service.sign_up(EMAIL, PASSWORD), service.log_in(EMAIL, PASSWORD)]
    other = service.sign_up("other@example.com")
    users[0].post("/api/v1/auth/logout")
    for _ in range(2):
        done = command("log-out", EMAIL.upper())
        assert done == (0, f"{named(service)} is logged out everywhere\n", "")
        for user in users:
            assert user.get(USER, status=401).json == BLACKLISTED
    assert other.get(USER).status_int == 200
    assert service.log_in(EMAIL, PASSWORD).get(USER).status_int == 200


def test_it_leaves_no_token_of_an_account_that_was_disabled(own):
    service, command = own
    user = service.sign_up(EMAIL, PASSWORD)
    status, out, err = command("disable", EMAIL)
    assert (status, err) == (0, "")
    assert out == f"{named(service)} is disabled and logged out everywhere\n"
    command("enable", EMAIL)
    assert user.get(USER, status=401).json == BLACKLISTED
    assert service.log_in(EMAIL, PASSWORD).get(USER).status_int == 200


def test_it_sets_a_password_and_ends_the_old_one_and_its_tokens(own):
    service, command = own
    user = service.sign_up(EMAIL, PASSWORD)
    other = service.sign_up("other@example.com", PASSWORD)
    done = command("set-password", EMAIL.upper(), stdin="another\nmore\n")
    assert done == (0, f"{named(service)} has a new password and is logged out everywhere\n", "")
    assert account(service)["password_version"] == 1
    assert user.get(USER, status=401).json == BLACKLISTED
    service.post(LOGIN, {"email": EMAIL, "password": PASSWORD}, status=401)
    assert service.log_in(EMAIL, "another").get(USER).status_int == 200
    assert other.get(USER).status_int == 200
    service.log_in("other@example.com", PASSWORD)


@pytest.mark.parametrize(
    ("email", "password", "text"),
    [
        ("somebody", PASSWORD, "somebody is not a valid email"),
        ("nobody@example.com", PASSWORD, "nobody@example.com is not registered"),
        (EMAIL, "", "The password must not be empty"),
        (EMAIL, "x" * 1025, "The password is longer than 1024 bytes"),
        (EMAIL, "x\0", "The password contains invalid characters"),
    ],
)
def test_it_sets_no_password_that_registration_refuses(service, command, email, password, text):
    user = service.sign_up(EMAIL)
    before = account(service)
    assert command("set-password", email, stdin=password) == (1, "", f"{text}\n")
    assert account(service) == before
    assert user.get(USER).status_int == 200


def test_it_asks_twice_for_a_new_password(service, terminal, directory, capsys):
    service.sign_up(EMAIL)
    for again, status in (("anothre", 1), ("another", 0)):
        asked = terminal("another", again)
        assert cli.main(["-c", str(directory / "test.ini"), "set-password", EMAIL]) == status
        assert asked == ["Password: ", "Once more: "]
    assert capsys.readouterr().err == "the two passwords differ\n"
    service.log_in(EMAIL, "another")


def test_it_deletes_a_user_whose_tokens_end_with_that(service, command):
    user = service.sign_up(EMAIL)
    other = service.sign_up("other@example.com")
    deleted = f"{named(service)} deleted\n"
    assert command("delete-user", EMAIL.upper()) == (0, deleted, "")
    assert account(service) is None
    assert user.get(USER, status=401).json == {"message": "Invalid token. Please log in again."}
    assert user.post("/api/v1/auth/logout", status=401)
    assert other.get(USER).status_int == 200
    # Somebody else may have the address now; the old tokens are not theirs.
    again = service.sign_up(EMAIL)
    assert again.account.public_id != user.account.public_id
    assert user.get(USER, status=401)


def test_it_does_not_delete_a_user_to_whom_something_belongs(
    own_database, tmp_path, monkeypatch, capsys
):
    app = application(ini_text(own_database), tmp_path)
    command = runner(tmp_path / "test.ini", monkeypatch, capsys)
    admin = Client(app).sign_up(EMAIL, admin=True)
    widget = {"name": "first", "info_url": "https://example.com/", "deadline": "12/31/2099"}
    admin.post("/api/v1/widgets", widget)
    capsys.readouterr()
    status, out, err = command("delete-user", EMAIL.upper())
    assert (status, out) == (1, "")
    assert err.startswith(f"{named(admin)} is not deleted: other things belong to it")
    # Nothing of it is gone: neither the account nor its sessions.
    assert admin.get("/api/v1/auth/sessions").json["total_items"] == 1
    admin.delete("/api/v1/widgets/first")
    assert command("delete-user", EMAIL)[0] == 0
    assert admin.get(USER, status=401)
    app.registry.database.close()


def test_it_purges_sessions_that_have_expired_too(service, command):
    with time_machine.travel(datetime.now(UTC) - timedelta(days=1), tick=False):
        service.sign_up(EMAIL)
    service.log_in(EMAIL)
    # Logging in has purged what it found; here is one more.
    engine = service.registry.database.write_engine
    old = datetime.now(UTC) - timedelta(days=1)
    with engine.begin() as connection:
        owner = connection.scalar(select(User.id))
        connection.execute(
            insert(IssuedToken).values(
                jti="old", user_id=owner, issued_at=old, expires_at=old, address="", user_agent=""
            )
        )
    assert command("purge-blacklist")[0] == 0
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(IssuedToken)) == 1
