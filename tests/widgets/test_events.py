"""What other plugins hear of widgets, and what they may do about it."""

import pytest
from sqlalchemy import select

from widget_service import configure, start
from widget_service.errors import Conflict
from widget_service.testing import SETTINGS, Client, empty, run
from widget_service.widgets.events import WidgetAdded, WidgetDeleted, WidgetUpdated
from widget_service.widgets.models import Widget

FIELDS = {"info_url": "https://example.com/", "deadline": "12/31/2099"}


@pytest.fixture
def heard():
    return []


@pytest.fixture
def admin(database, app, heard):
    """An administrator of an application in which somebody listens."""
    config = configure(
        {
            "sqlalchemy.url": database,
            "pyramid.includes": "widget_service.auth widget_service.widgets",
            **SETTINGS,
        },
        environ={},
    )

    def veto(event):
        if event.name == "forbidden":
            raise Conflict("Not that one.")

    def find(event):
        # As one would that deletes what refers to it.
        assert event.session.scalar(select(Widget.name).where(Widget.id == event.widget_id))

    config.add_subscriber(find, WidgetDeleted)
    for kind in (WidgetAdded, WidgetUpdated, WidgetDeleted):
        config.add_commit_subscriber(
            lambda event: heard.append((type(event).__name__, event.name)), kind
        )
    config.add_subscriber(veto, WidgetAdded)
    config.commit()
    empty(app.registry)
    made = start(config)
    yield Client(made).sign_up("admin@example.com", admin=True)
    made.registry.database.close()


def test_it_tells_what_was_added_updated_and_deleted(admin, heard):
    admin.post("/api/v1/widgets", {"name": "first", **FIELDS})
    admin.put("/api/v1/widgets/first", FIELDS)
    admin.put("/api/v1/widgets/second", FIELDS)
    admin.delete("/api/v1/widgets/first")
    assert heard == [
        ("WidgetAdded", "first"),
        ("WidgetUpdated", "first"),
        ("WidgetAdded", "second"),
        ("WidgetDeleted", "first"),
    ]


def test_it_tells_nothing_of_what_was_refused(admin, heard):
    admin.post("/api/v1/widgets", {"name": "first", **FIELDS})
    heard.clear()
    admin.post("/api/v1/widgets", {"name": "first", **FIELDS}, status=409)
    admin.put("/api/v1/widgets/first", FIELDS, headers={"If-Match": '"no"'}, status=412)
    admin.delete("/api/v1/widgets/second", status=404)
    assert heard == []


@pytest.mark.parametrize(
    ("method", "path", "fields"),
    [
        ("post", "/api/v1/widgets", {"name": "forbidden", **FIELDS}),
        ("put", "/api/v1/widgets/forbidden", FIELDS),
    ],
)
def test_it_lets_a_subscriber_veto(admin, heard, method, path, fields):
    answer = getattr(admin, method)(path, fields, status=409)
    assert answer.json == {"status": "fail", "message": "Not that one."}
    assert admin.get("/api/v1/widgets").json["total_items"] == 0
    assert heard == []


def test_it_lets_everybody_read_where_the_operator_says_so(tmp_path):
    config = configure(
        {
            "sqlalchemy.url": f"sqlite:///{tmp_path}/test.sqlite",
            "pyramid.includes": "widget_service.auth widget_service.widgets widget_service.docs",
            "widgets.anonymous_read": "true",
            **SETTINGS,
        },
        environ={},
    )
    stranger = Client(start(config))
    assert stranger.get("/api/v1/widgets").json["items"] == []
    stranger.post("/api/v1/widgets", FIELDS, status=401)
    paths = stranger.get("/api/v1/openapi.json").json["paths"]
    assert "security" not in paths["/widgets"]["get"]
    assert "security" in paths["/widgets"]["post"]
    run(config.registry, "plugins")
    config.registry.database.close()
