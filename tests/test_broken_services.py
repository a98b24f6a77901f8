"""Broken services: the service refuses to start, and says which one, where, and why."""

import pytest
from mistakes import OURS, Case, Mistake, check_application, prepare, text

# A service whose schema is the class, and one that looks for what is never read.
ASKING = """
import colander
from widget_service import settings
from widget_service.fields import Text
from widget_service.rest import Service
class Schema(colander.MappingSchema):
    bdy = colander.MappingSchema()
class Deferred(colander.MappingSchema):
    @colander.instantiate()
    class body(colander.MappingSchema):
        piece = colander.SchemaNode(Text(), missing=colander.deferred(
            lambda _node, kw: settings.of(kw["registry"], "cake").pieces))
service = Service("asking", "/asking")
@service.post(schema={schema})
def post_asking(request):
    return {{}}
def includeme(config):
    config.include("widget_service")
    config.add_rest_service(service)
"""

# A context whose text is to be replaced, and a service that has it.
GUARDED = """
from pyramid.authorization import Allow
from widget_service.principals import Authenticated
from widget_service.resources import Context
from widget_service.rest import Service
class Pie(Context):
    {line}
service = Service("pie", "/pies/{{number{pattern}}}", factory={factory})
@service.get()
def get_pie(request):
    return {{}}
def includeme(config):
    config.include("widget_service")
    config.add_rest_service(service)
"""


def guarded(line="pass", pattern="", factory="Pie"):
    """The text of that plugin."""
    return GUARDED.format(line=line, pattern=pattern, factory=factory)


READING = "def __init__(self, request): super().__init__(request); int(request.matchdict['number'])"

# A service with one view, of which nothing else is wrong.
SERVING = """
import colander
from widget_service.rest import Service
class Shown(colander.MappingSchema):
    pass
service = Service("pies", {service})
@service.get({view})
def get_pies(request):
    return {{}}
def includeme(config):
    config.include("widget_service")
    config.add_rest_service(service)
"""


def serving(service='"/pies"', view=""):
    """The text of that plugin."""
    return SERVING.format(service=service, view=view)


CASES = {
    "a schema that is a class": Case(
        text(plugins=[*OURS, "asking"]),
        [
            Mistake(
                "pyramid.includes", "asking", "POST of asking: schema=<class 'asking.Schema'> is"
            )
        ],
        modules={"asking": ASKING.format(schema="Schema")},
    ),
    "a schema of what is not read": Case(
        text(plugins=[*OURS, "asking"]),
        [Mistake("pyramid.includes", "asking", "POST of asking: its schema has bdy; what is")],
        modules={"asking": ASKING.format(schema="Schema()")},
    ),
    "an answer that is a class": Case(
        text(plugins=[*OURS, "serving"]),
        [
            Mistake(
                "pyramid.includes",
                "serving",
                "GET of pies: response_schemas['200']=<class 'serving.Shown'> is no instance",
            )
        ],
        modules={"serving": serving(view='response_schemas={"200": Shown}')},
    ),
    "an answer whose status is a number": Case(
        text(plugins=[*OURS, "serving"]),
        [Mistake("pyramid.includes", "serving", "GET of pies: response_schemas has 200, where a")],
        modules={"serving": serving(view="response_schemas={200: Shown()}")},
    ),
    "an answer that nobody describes": Case(
        text(plugins=[*OURS, "serving"]),
        [
            Mistake(
                "pyramid.includes", "serving", "GET of pies: response_schemas['200'] has no desc"
            )
        ],
        modules={"serving": serving(view='response_schemas={"200": Shown()}')},
    ),
    "an answer of whatever status": Case(
        text(plugins=[*OURS, "serving"]),
        [Mistake("pyramid.includes", "serving", "GET of pies: response_schemas has 'default', w")],
        modules={"serving": serving(view='response_schemas={"default": Shown()}')},
    ),
    "a factory that makes nothing": Case(
        text(plugins=[*OURS, "guarded"]),
        [
            Mistake(
                "service pie",
                None,
                "its context cannot be made of {'number': 'x'}: TypeError(",
                "/guarded.py, line 14",
            )
        ],
        modules={"guarded": guarded(factory="object()")},
    ),
    "a context that fails": Case(
        text(plugins=[*OURS, "guarded"]),
        [
            Mistake(
                "service pie",
                None,
                "its context cannot be made of {'number': 'x'}: ValueError(",
                "/guarded.py, line 14",
            )
        ],
        modules={"guarded": guarded(READING)},
    ),
    "an ACL with a permission that nobody declared": Case(
        text(plugins=[*OURS, "guarded"]),
        [
            Mistake(
                "pies:eat",
                None,
                "an ACL of service pie has it, but no plugin names it in config.declare_perm",
                "/guarded.py, line 14",
            )
        ],
        modules={"guarded": guarded('__acl__ = ((Allow, Authenticated, ("pies:eat",)),)')},
    ),
    "a schema with two fields of one name": Case(
        text(plugins=[*OURS, "serving"]),
        [Mistake("pyramid.includes", "serving", "GET of pies: its schema has cursor, page twice")],
        modules={
            "serving": serving(view="schema=query").replace(
                "service =",
                "from widget_service.fields import Text\n"
                "from widget_service.paging import PageQuery\n"
                "query = PageQuery()\n"
                "for name in ('cursor', 'filter', 'page'):\n"
                "    query['querystring'].add(colander.SchemaNode(Text(), name=name))\n"
                "service =",
                1,
            )
        },
    ),
    "a path without a slash": Case(
        text(plugins=[*OURS, "serving"]),
        [Mistake("pyramid.includes", "serving", "pies: its path, pies/{id}, begins with no slash")],
        modules={"serving": serving('"pies/{id}"')},
    ),
    "an option of a view that is misspelt": Case(
        text(plugins=[*OURS, "serving"]),
        [
            Mistake(
                "configuration",
                None,
                "GET of pies: there is no option permision; did you mean permission?",
                "/serving.py, line 12",
            )
        ],
        modules={"serving": serving(view='permision="eat"')},
    ),
    "an option of a service that is nothing like any": Case(
        text(plugins=[*OURS, "serving"]),
        [
            Mistake(
                "configuration", None, "GET of pies: there is no option qqq", "/serving.py, line 12"
            )
        ],
        modules={"serving": serving('"/pies", qqq=1')},
    ),
    "an option of our own that is misspelt": Case(
        text(plugins=[*OURS, "serving"]),
        [
            Mistake(
                "configuration",
                None,
                "GET of pies: there is no option statments; did you mean statements?",
                "/serving.py, line 12",
            )
        ],
        modules={"serving": serving(view="statments=4")},
    ),
    "a schema that cannot be bound": Case(
        text(plugins=[*OURS, "asking"]),
        [
            Mistake(
                "configuration",
                None,
                'POST of asking: its schema cannot be bound: KeyError("nobody has declared '
                "settings under 'cake'\")",
                "/asking.py, line 19",
            )
        ],
        modules={"asking": ASKING.format(schema="Deferred()")},
    ),
}


@pytest.fixture(params=CASES)
def case(request):
    """One of the broken services."""
    return CASES[request.param]


@pytest.fixture
def file(case, tmp_path, monkeypatch, write_plugin):
    """The path of an .ini file, with everything in place that it is read beside."""
    return prepare(case, tmp_path, monkeypatch, write_plugin)


def test_it_refuses_to_start(file, case):
    check_application(file, case)
