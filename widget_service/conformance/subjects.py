"""The plugin that is tested for conformance: its operations, and what each of them answers."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

from jsonschema import Draft202012Validator
from pyramid.interfaces import IRoutesMapper
from pyramid.request import Request

from widget_service import settings
from widget_service.contexts import plain_path
from widget_service.docs import operations
from widget_service.plugins import Plugins
from widget_service.rest import most_statements
from widget_service.testing import Client, statements

CREATED = 201
# What no object is called; the first that the pattern of a path takes stands for one that is not
# there.
NOBODY = ("nobody-has-this", "nobody", "999999999", "00000000-0000-4000-8000-000000000000")
# In a path of the documentation.
VARIABLE = re.compile(r"{(\w+)}")


class Operation(NamedTuple):
    """A documented operation: its method in lower case, its path, and the documentation."""

    method: str
    path: str
    document: dict[str, Any]

    @property
    def documented(self) -> set[int]:
        """The statuses that it may answer."""
        return {int(status) for status in self.document["responses"]}

    @property
    def is_public(self) -> bool:
        """May strangers call it?"""
        return not self.document.get("security")

    @property
    def misses(self) -> bool:
        """Is it about an object that has to be there?"""
        # A PUT that adds what is not there misses nothing.
        adds = self.method == "put" and CREATED in self.documented
        return "{" in self.path and 404 in self.documented and not adds

    @property
    def fields(self) -> dict[str, Any]:
        """The schema of each field of its body."""
        content = self.document.get("requestBody", {}).get("content", {})
        return dict(content.get("application/json", {}).get("schema", {}).get("properties", {}))

    @property
    def queries(self) -> list[str]:
        """The names of its query parameters."""
        return [p["name"] for p in self.document.get("parameters", []) if p["in"] == "query"]

    def body(self) -> dict[str, Any]:
        """Fields that are valid, as their examples say."""
        missing = [name for name, schema in self.fields.items() if "example" not in schema]
        assert not missing, f"{self.method} {self.path}: give these an example: {missing}"
        return {name: schema["example"] for name, schema in self.fields.items()}


class Subject:
    """The plugin that is tested, and who asks it."""

    def __init__(self, client: Client, plugins: tuple[str, ...]) -> None:
        self.plugin = plugins[0]
        self.client = client
        # A fixture for the session that was made for other tests would make all of this empty.
        included = settings.of(client.registry, "pyramid").includes
        assert self.plugin in included, f"{self.plugin} is not in the application, {included} are"
        self.prefix = client.prefix
        self.budgets: dict[tuple[str, str], int] = {}
        # Those that the ACLs refuse to users, whatever the object is.
        self.closed: set[tuple[str, str]] = set()
        self._look_up_views()
        client.sign_up("somebody@example.com")
        client.sign_up("administrator@example.com", admin=True)
        document = client.get(f"{self.prefix}/openapi.json").json
        self.components = document["components"]
        self.operations = sorted(self._operations(document["paths"]))
        self.seen: dict[tuple[str, str], set[int]] = defaultdict(set)
        # Where the latest object is, of those that each operation added.
        self.locations: dict[str, str] = {}
        # What the latest of these was answered, in words.
        self.creations: dict[str, str] = {}
        # Of the latest call.
        self.answer: Any = None

    @property
    def user(self) -> Client:
        """A user with a new token."""
        return self.client.log_in("somebody@example.com")

    @property
    def admin(self) -> Client:
        """An administrator with a new token."""
        return self.client.log_in("administrator@example.com")

    def routes(self) -> set[tuple[str, str]]:
        """The method and path of each of the plugin's routes."""
        routes = Plugins(self.client.registry).routes()
        return {
            (route.method.lower(), plain_path(route.path).removeprefix(self.prefix))
            for route in routes
            if route.plugin == self.plugin
        }

    def call(
        self, who: Client, operation: Operation, path: str | None = None, **options: Any
    ) -> int:
        """Do what the operation describes, with a valid body unless ``options`` have another.

        :returns: the status, after a look at the shape of the answer
        """
        method = operation.method.upper()
        if operation.fields and not options:
            options = json_body(operation.body())
        url = self.prefix + (path or self.path(operation))
        with statements(self.client.registry) as sent:
            answer = who.request(url, method=method, expect_errors=True, **options)
        most = self.budgets[operation[:2]]
        assert len(sent) <= most, (
            f"{method} {url} {options}: more than {most} (statements= of the view allows more) "
            f"of {sent}"
        )
        status = int(answer.status_int)
        if status >= 400:
            _check_refusal(f"{method} {url} {options}", answer)
        self.seen[operation[:2]].add(status)
        if status == CREATED and "Location" in answer.headers:
            found = urlsplit(answer.headers["Location"]).path.removeprefix(self.prefix)
            self.locations[operation.path] = found
        assert status < 500, f"{method} {url} {options}: {status}"
        assert status in operation.documented, f"{method} {url} {options}: {status}, undocumented"
        if status < 300:
            self._check_body(f"{method} {url} {options}", operation, answer)
        self.answer = answer
        return status

    def path(self, operation: Operation, value: str | None = None) -> str:
        """The path of an object: the one of the examples, or one that ends in that value."""
        *others, last = VARIABLE.findall(operation.path) or [""]
        path = operation.path
        for name in others:
            path = path.replace(f"{{{name}}}", self._segment(operation, name))
        if not last:
            return path
        segment = self._segment(operation, last) if value is None else _quoted(value)
        return path.replace(f"{{{last}}}", segment)

    def missing(self, operation: Operation) -> str:
        """The path of an object that is not there."""
        mapper = self.client.registry.getUtility(IRoutesMapper)
        for name in NOBODY:
            path = self.path(operation, name)
            if mapper(Request.blank(self.prefix + path))["route"] is not None:
                return path
        raise AssertionError(
            f"{operation.path}: its pattern takes none of {NOBODY}, so there is no telling what is "
            "answered where no object is; let load() decide what a name is, and not the pattern"
        )

    def prepare(self, operation: Operation) -> None:
        """Have the object that the operation is about, unless there is no way to add one."""
        creation = self._creation(operation)
        if creation is not None:
            # It may be below another one.
            self.prepare(creation)
            status = self.call(self.admin, creation)
            self.creations[creation.path] = f"{status} {self.answer.text}"

    def preparation(self, operation: Operation) -> str:
        """How :meth:`prepare` fared, for whoever reads why a test failed."""
        creation = self._creation(operation)
        if creation is None:
            return ""
        answer = self.creations.get(creation.path)
        return f"; POST {creation.path}, made of the examples of its fields, was answered {answer}"

    def _segment(self, operation: Operation, name: str) -> str:
        """What stands for ``name`` in the path of an object that was added."""
        creation = self._creation(operation)
        if creation is None:
            return NOBODY[0]
        if name in VARIABLE.findall(creation.path):
            return self._segment(creation, name)
        if name in creation.fields:
            return _quoted(str(creation.body()[name]))
        # prepare() has added one.
        before, _name, _after = operation.path.partition(f"{{{name}}}")
        pattern = VARIABLE.sub("[^/]+", before) + "([^/]+)"
        found = re.match(pattern, self.locations.get(creation.path, ""))
        assert found, (
            f"{operation.path}: no field of POST {creation.path} is named {name}, and its answer "
            f"has no Location that says which object was added{self.preparation(operation)}"
        )
        return found[1]

    def _creation(self, operation: Operation) -> Operation | None:
        """The operation that creates what another one is about: the nearest POST above it."""
        posts = {each.path: each for each in self.operations if each.method == "post"}
        if operation.method == "get" and operation.path in posts:
            # A list, which must have something in it to be looked at.
            return posts[operation.path]
        path, brace, _rest = operation.path.rpartition("/{")
        while brace and path not in posts:
            path, brace, _rest = path.rpartition("/{")
        return posts.get(path)

    def _look_up_views(self) -> None:
        """How many SQL statements each operation may send, and whether users may call it at all."""
        registry = self.client.registry
        for service in operations.documented(registry):
            path = plain_path(service.path)
            for method, _view, options in service.definitions:
                key = method.lower(), path
                self.budgets[key] = most_statements(method, options)
                if "403" in operations.refusals_of(registry, service, method, options):
                    self.closed.add(key)

    def _check_body(self, request: str, operation: Operation, answer: Any) -> None:
        """Is the body what the documentation says?"""
        documented = operation.document["responses"][str(answer.status_int)]
        content = documented.get("content", {}).get("application/json")
        if content is None:
            return
        assert answer.content_type == "application/json", f"{request}: {answer.content_type}"
        # References lead from the root of the document.
        schema = {**content["schema"], "components": self.components}
        found = Draft202012Validator(schema).iter_errors(answer.json)
        wrong = [f"{error.json_path} {error.message}" for error in found]
        assert not wrong, f"{request}: {answer.status_int} is not as documented: {wrong}"

    def _operations(self, paths: dict[str, Any]) -> Iterator[Operation]:
        ours = self.routes()
        for path, item in paths.items():
            for method, document in item.items():
                if (method, path) in ours:
                    yield Operation(method, path, document)


def _check_refusal(request: str, answer: Any) -> None:
    """Is it one of the shapes that refusals have?"""
    keys = set(answer.json)
    assert keys in ({"message"}, {"status", "message"}, {"errors", "message"}), (request, keys)
    assert answer.content_type == "application/json", request


def _quoted(value: str) -> str:
    """The segment of a path that stands for a text."""
    return quote(value.encode("utf-8", "surrogatepass"), safe="")


def json_body(fields: dict[str, Any]) -> dict[str, Any]:
    """What a request has that sends these fields."""
    return {"body": json.dumps(fields).encode(), "content_type": "application/json"}
