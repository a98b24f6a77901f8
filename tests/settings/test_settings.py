"""Declared settings: typed values from every source, for core and plugins alike."""

from datetime import UTC
from zoneinfo import ZoneInfo

import colander
import pytest
from pyramid.config import Configurator
from pyramid.exceptions import ConfigurationError

from widget_service import configure, settings
from widget_service.fields import Text
from widget_service.settings import StartupError, importable, setting
from widget_service.settings.declarations import ini_text
from widget_service.testing import SETTINGS

BASE = {**SETTINGS, "sqlalchemy.url": "sqlite:///test.sqlite"}
EVERY_TYPE = """
import colander
from datetime import UTC
from widget_service.fields import Flag, Listed, Text, TimeZone, WholeNumber
from widget_service.settings import setting

class Settings(colander.MappingSchema):
    text = setting(Text(), "A text.", default="default")
    number = setting(WholeNumber(), "A number.", colander.Range(-5, 5), default=1)
    flag = setting(Flag(), "A flag.", default=False)
    numbers = setting(Listed(WholeNumber()), "Numbers.", default=(1, 2))
    zone = setting(TimeZone(), "A time zone.", default=UTC)
    key = setting(Text(), "A key.", default=None, secret=True)

def includeme(config):
    config.include("widget_service")
    values = config.declare_settings("every", Settings())
    assert values is config.registry.settings_values["every"]
"""
TYPED = [
    ("text", " a text = %", " a text = %"),
    ("text", "", ""),
    ("number", "-5", -5),
    ("number", " 3 ", 3),
    ("flag", "True", True),
    ("flag", "false", False),
    ("numbers", "3, 4\n5", (3, 4, 5)),
    ("numbers", "", ()),
    ("zone", "Europe/Zurich", ZoneInfo("Europe/Zurich")),
    ("zone", "UTC", UTC),
    ("key", "hunter2", "hunter2"),
]


@pytest.fixture
def configured(write_plugin):
    """A function that configures an application with the plugin, and settings of it."""
    write_plugin("every", EVERY_TYPE)

    def make(environ=None, **values):
        section = BASE | {"pyramid.includes": "every"}
        section |= {f"every.{name}": value for name, value in values.items()}
        section = {
            k: v for k, v in section.items() if not k.startswith(("auth.", "jwt.", "passlib."))
        }
        return settings.of(configure(section, environ=environ or {}).registry, "every")

    return make


def test_it_has_typed_defaults(configured):
    values = configured()
    assert vars(values) == {
        "text": "default",
        "number": 1,
        "flag": False,
        "numbers": (1, 2),
        "zone": UTC,
        "key": None,
    }


@pytest.mark.parametrize(("name", "text", "value"), TYPED)
def test_it_reads_the_ini_file(configured, name, text, value):
    assert getattr(configured(**{name: text}), name) == value


@pytest.mark.parametrize(("name", "text", "value"), TYPED)
def test_it_reads_the_environment_first(configured, name, text, value):
    environ = {f"WIDGET_SERVICE_EVERY_{name.upper()}": text}
    assert getattr(configured(environ, **{name: "nonsense"}), name) == value


@pytest.mark.parametrize(("name", "text", "value"), TYPED)
def test_it_reads_files_that_the_environment_names(configured, tmp_path, name, text, value):
    path = tmp_path / "value"
    path.write_text(f"{text}\n", encoding="utf-8")
    environ = {f"WIDGET_SERVICE_EVERY_{name.upper()}_FILE": str(path)}
    assert getattr(configured(environ), name) == value


def test_it_shows_no_value(configured):
    values = configured(key="hunter2")
    assert repr(values) == str(values) == "<settings text number flag numbers zone key>"


@pytest.mark.parametrize(
    ("variable", "text", "prefix", "name", "value"),
    [
        ("JWT_EXPIRATION", "7", "jwt", "expiration", 7),
        ("SQLALCHEMY_POOL_SIZE", "7", "sqlalchemy", "pool_size", 7),
        ("TM_ANNOTATE_USER", "true", "tm", "annotate_user", True),
        (
            "PYRAMID_INCLUDES",
            "widget_service.auth",
            "pyramid",
            "includes",
            ("widget_service.auth",),
        ),
        ("PASSLIB_ARGON___TIME_COST", "1", "passlib", "argon2__time_cost", 1),
        # A key that only the library knows: as a variable has it, and as the file has it.
        ("PASSLIB_TRUNCATE_ERROR", "true", "passlib", "truncate_error", "true"),
        ("PASSLIB_ARGON___HASH_LEN", "24", "passlib", "argon2__hash_len", "24"),
    ],
)
@pytest.mark.parametrize("by_file", [False, True])
def test_it_reads_the_families_of_libraries_too(
    tmp_path, variable, text, prefix, name, value, by_file
):
    environ = {f"WIDGET_SERVICE_{variable}": text}
    if by_file:
        path = tmp_path / "value"
        path.write_text(text, encoding="utf-8")
        environ = {f"WIDGET_SERVICE_{variable}_FILE": str(path)}
    section = {**BASE, "pyramid.includes": "widget_service.auth", "passlib.argon2__hash_len": "20"}
    registry = configure(section, environ=environ).registry
    found = vars(settings.of(registry, prefix))
    assert found[name] == value
    # Under its own name alone, not under that of the variable as well.
    assert [each for each in found if "hash_len" in each] in ([], ["argon2__hash_len"])


def test_it_refuses_a_file_for_a_key_of_a_library_that_cannot_be_read():
    environ = {"WIDGET_SERVICE_PASSLIB_TRUNCATE_ERROR_FILE": "/no/such/file"}
    with pytest.raises(StartupError) as refusal:
        configure({**BASE, "pyramid.includes": "widget_service.auth"}, environ=environ)
    assert [problem.key for problem in refusal.value.problems] == ["passlib.truncate_error"]


def test_it_leaves_alone_what_others_read():
    section = {**BASE, "pyramid.includes": "widget_service.auth", "mail.host": "localhost"}
    section |= {"settings.foreign": "mail other", "mail.port": "25"}
    environ = {"WIDGET_SERVICE_MAIL_PORT": "26"}
    found = configure(section, environ=environ).registry.settings
    assert {key: found[key] for key in found if key.startswith("mail.")} == {
        "mail.host": "localhost",
        "mail.port": "26",
    }


def test_it_reads_the_variable_that_names_the_file_as_no_setting(monkeypatch):
    environ = {"WIDGET_SERVICE_INI": "/some/file.ini", "OTHER": "x"}
    assert configure({**BASE, "pyramid.includes": "widget_service.auth"}, environ=environ)


def test_it_tells_a_plugin_to_go_on_after_a_mistake(write_plugin):
    write_plugin(
        "strict",
        EVERY_TYPE.replace('"every"', '"strict"').replace("    assert values is", "    _ =")
        + '    if values.number == 1: config.refuse_setting("strict.flag", "not with number 1")\n',
    )
    section = {k: v for k, v in BASE.items() if k[:3] not in ("aut", "jwt", "pas")}
    section |= {"pyramid.includes": "strict", "strict.number": "many", "strict.flag": "true"}
    with pytest.raises(StartupError) as refusal:
        configure(section, environ={})
    assert str(refusal.value) == (
        "widget_service cannot start, 2 problem(s):\n"
        "  - strict.number = many (app settings): many is not a valid integer\n"
        "  - strict.flag = true (app settings): not with number 1"
    )


TOGETHER = """
import colander
from widget_service.fields import WholeNumber
from widget_service.settings import setting

class Settings(colander.MappingSchema):
    least = setting(WholeNumber(), "The least.", default=1)
    most = setting(WholeNumber(), "The most.", default=9)

    def validator(self, node, values):
        if values["least"] > values["most"]:
            error = colander.Invalid(node)
            error["most"] = f"below least, {values['least']}"
            raise error

def includeme(config):
    config.include("widget_service")
    values = config.declare_settings("span", Settings())
    if (values.least, values.most) != (5, 9):
        config.refuse_setting("span.least", f"with {values}")
"""


def test_a_plugin_has_the_default_in_place_of_what_does_not_go_with_the_others(write_plugin):
    write_plugin("span", TOGETHER)
    section = {k: v for k, v in BASE.items() if k[:3] not in ("aut", "jwt", "pas")}
    section |= {"pyramid.includes": "span", "span.least": "5", "span.most": "4"}
    with pytest.raises(StartupError) as refusal:
        configure(section, environ={})
    assert str(refusal.value) == (
        "widget_service cannot start, 1 problem(s):\n"
        "  - span.most = 4 (app settings): below least, 5"
    )


@pytest.mark.parametrize(
    "names", [("json.loads",), ("json.loads", "os.path.join"), "json.loads", "json:loads"]
)
def test_it_takes_dotted_names_of_what_is_there(names):
    assert importable(None, names) is None


@pytest.mark.parametrize(
    "name", ["json.nothing", "nothing.json", "json:nothing", ".json", "", "json", "os.sep"]
)
def test_it_refuses_dotted_names_of_nothing(name):
    with pytest.raises(colander.Invalid):
        importable(colander.SchemaNode(Text()), name)


@pytest.mark.parametrize("name", ["", "Two", "a b", "ü", "1st", "_x", "a.b", "a-b"])
def test_it_refuses_a_prefix_that_no_variable_can_have(name):
    config = Configurator()
    config.include("widget_service.settings")
    with pytest.raises(ConfigurationError, match="must be of lower-case letters"):
        config.declare_settings(name, colander.MappingSchema())


def test_it_shows_part_of_a_secret_where_a_setting_says_so():
    node = setting(Text(), "A secret.", default="", secret=lambda text: text[:1] + "…")
    assert node.secret("hunter2") == "h…"


@pytest.mark.parametrize(
    ("value", "text"), [(None, ""), (True, "true"), (7, "7"), ((1, 2), "1 2"), ("a b", "a b")]
)
def test_it_writes_a_value_as_a_file_has_it(value, text):
    assert ini_text(value) == text
