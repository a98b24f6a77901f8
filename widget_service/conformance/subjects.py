"""The plugin that is tested for conformance: its operations, and what each of them answers."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any
from urllib.parse import quote, urlsplit

from pyramid.exceptions import URLDecodeError
from pyramid.interfaces import IRoutesMapper
from pyramid.request import Request

from widget_service import settings
from widget_service.conformance.answers import check_answer
from widget_service.conformance.operations import CREATED, VARIABLE, Operation, json_body
from widget_service.conformance.values import likenesses
from widget_service.contexts import plain_path, sample_of
from widget_service.docs import operations
from widget_service.plugins import Plugins
from widget_service.rest import most_statements
from widget_service.testing import Client, statements

# What no object is called; the first that the pattern of a path takes stands for one that is not
# there.
NOBODY = ("nobody-has-this", "nobody", "999999999", "00000000-0000-4000-8000-000000000000")


class Subject:
    """The plugin that is tested, and who asks it."""

    def __init__(self, client: Client, plugins: tuple[str, ...]) -> None:
        self.plugin = plugins[0]
        self.client = client
        # A fixture for the session that was made for other tests would make all of this empty.
        included = settings.of(client.registry, "pyramid").includes
        assert self.plugin in included, f"{self.plugin} is not in the application, {included} are"
        self.prefix = client.prefix
        self.samples: dict[str, dict[str, str]] = {}
        self.budgets: dict[tuple[str, str], int] = {}
        # Those that the ACLs refuse to users, whatever the object is.
        self.closed: set[tuple[str, str]] = set()
        self._look_up_views()
        client.sign_up("somebody@example.com")
        client.sign_up("administrator@example.com", admin=True)
        document = client.get(f"{self.prefix}/openapi.json").json
        self.components = document["components"]
        self.everything = sorted(
            Operation(method, path, described)
            for path, item in document["paths"].items()
            for method, described in item.items()
            if method != "parameters"
        )
        ours = self.routes()
        self.operations = [each for each in self.everything if each[:2] in ours]
        self.seen: dict[tuple[str, str], set[int]] = defaultdict(set)
        # The documented headers that no answer had, by operation and status.
        self.unsent: dict[tuple[str, str, int], set[str]] = {}
        # Where the latest object is, of those that each operation added.
        self.locations: dict[str, str] = {}
        # What the latest of these was answered, in words.
        self.creations: dict[str, str] = {}
        # Of the latest call: what it was answered, and the SQL statements that it sent.
        self.answer: Any = None
        self.sent: list[str] = []

    @property
    def user(self) -> Client:
        """A user with a new token."""
        return self.client.log_in("somebody@example.com")

    @property
    def admin(self) -> Client:
        """An administrator with a new token."""
        return self.client.log_in("administrator@example.com")

    def routes(self) -> set[tuple[str, str]]:
        """The method and path of each of the plugin's routes that are to be documented."""
        services = self.client.registry.introspector.get_category("services")
        hidden = {
            plain_path(each["introspectable"]["path"])
            for each in services
            if not getattr(each["introspectable"]["service"], "documented", True)
        }
        ours = [
            (route.method.lower(), plain_path(route.path))
            for route in Plugins(self.client.registry).routes()
            if route.plugin == self.plugin
        ]
        for method, path in ours:
            if path in hidden:
                # Who reads why a test failed, or passed, is to know.
                print(f"not tested, as documented=False: {method.upper()} {path}")
        return {(m, path.removeprefix(self.prefix)) for m, path in ours if path not in hidden}

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
        request = f"{method} {url} {options}"
        with statements(self.client.registry) as self.sent:
            answer = who.request(url, method=method, expect_errors=True, **options)
        most = self.budgets[operation[:2]]
        assert len(self.sent) <= most, (
            f"{request}: more than {most} (statements= of the view allows more) of {self.sent}"
        )
        self._note(operation, answer)
        status = int(answer.status_int)
        assert status < 500, f"{request}: {status}"
        assert status in operation.documented, f"{request}: {status}, undocumented"
        documented = operation.document["responses"][str(status)]
        check_answer(request, answer, documented, self.components)
        return status

    def _note(self, operation: Operation, answer: Any) -> None:
        """Keep what is asked about later."""
        self.answer, status = answer, int(answer.status_int)
        self.seen[operation[:2]].add(status)
        if status == CREATED and "Location" in answer.headers:
            found = urlsplit(answer.headers["Location"]).path.removeprefix(self.prefix)
            self.locations[operation.path] = found
        documented = operation.document["responses"].get(str(status), {})
        headers = set(documented.get("headers", ()))
        unsent = self.unsent.setdefault((*operation[:2], status), headers)
        unsent -= {name for name in headers if name in answer.headers}

    def cost(self, operation: Operation) -> int:
        """How many SQL statements a request with a valid body sends."""
        self.call(self.admin, operation)
        return len(self.sent)

    def add_another(self, listing: Operation, number: int) -> bool:
        """Add one more object to a list, with the example or, where that is taken, one like it.

        :returns: whether there is a way to
        """
        creation = self._creation(listing)
        if creation is None or creation.path != listing.path:
            return False
        bodies = likenesses(creation.body(), number)
        return any(self.call(self.admin, creation, **json_body(each)) == CREATED for each in bodies)

    def path(self, operation: Operation, value: str | None = None, of: str | None = None) -> str:
        """The path of an object: the one of the examples, or one with another value in it.

        :param of: the name of the part that has the value; the last one by default
        """
        path = operation.path
        for name in operation.variables:
            replaced = value is not None and name == (of or operation.variables[-1])
            segment = _quoted(value or "") if replaced else self._segment(operation, name)
            path = path.replace(f"{{{name}}}", segment)
        return path

    def missing(self, operation: Operation, of: str | None = None) -> str:
        """The path of an object that is not there.

        :param of: the name of the part that nothing is called; the last one by default
        """
        for name in NOBODY:
            path = self.path(operation, name, of)
            if self.leads_somewhere(path):
                return path
        raise AssertionError(
            f"{operation.path}: its pattern takes none of {NOBODY}, so there is no telling what is "
            "answered where no object is; let load() decide what a name is, and not the pattern"
        )

    def leads_somewhere(self, path: str) -> bool:
        """Do the patterns of a route take the path?"""
        mapper = self.client.registry.getUtility(IRoutesMapper)
        try:
            return mapper(Request.blank(self.prefix + path))["route"] is not None
        except URLDecodeError:
            # To an answer of the service's own, for whatever route it may be.
            return True

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
        return f"; {creation}, made of the examples of its fields, was answered {answer}"

    def _segment(self, operation: Operation, name: str) -> str:
        """What stands for ``name`` in the path of an object that was added."""
        creation = self._creation(operation)
        if creation is None:
            # A PUT adds what it is told to.
            return self.samples[operation.path][name] if operation.creates else NOBODY[0]
        if name in creation.variables:
            return self._segment(creation, name)
        if name in creation.fields:
            return _quoted(str(creation.body()[name]))
        # prepare() has added one.
        before, _name, _after = operation.path.partition(f"{{{name}}}")
        pattern = VARIABLE.sub("[^/]+", before) + "([^/]+)"
        found = re.match(pattern, self.locations.get(creation.path, ""))
        assert found, (
            f"{operation.path}: no field of {creation} is named {name}, and its answer "
            f"has no Location that says which object was added{self.preparation(operation)}"
        )
        return found[1]

    def _creation(self, operation: Operation) -> Operation | None:
        """The operation that adds what another one is about, which may be another plugin's.

        It is the nearest POST above, or the PUT of the object itself.
        """
        creations = {each[:2]: each for each in self.everything if each.creates}
        if operation.method == "get" and ("post", operation.path) in creations:
            # A list, which must have something in it to be looked at.
            return creations["post", operation.path]
        above, brace, name = operation.path.rpartition("/{")
        while brace:
            one = f"{above}/{{{name.partition('}')[0]}}}"
            found = creations.get(("post", above)) or creations.get(("put", one))
            # Nothing adds the object that it is going to add itself.
            if found and found != operation:
                return found
            above, brace, name = above.rpartition("/{")
        return None

    def _look_up_views(self) -> None:
        """What services say of operations beside the document: samples, budgets, who may."""
        registry = self.client.registry
        for service in operations.documented(registry):
            path = plain_path(service.path)
            self.samples[path] = sample_of(service.path)
            for method, _view, options in service.definitions:
                key = method.lower(), path
                self.budgets[key] = most_statements(method, options)
                if "403" in operations.refusals_of(registry, service, method, options):
                    self.closed.add(key)


def _quoted(value: str) -> str:
    """The segment of a path that stands for a text."""
    return quote(value.encode("utf-8", "surrogatepass"), safe="")
