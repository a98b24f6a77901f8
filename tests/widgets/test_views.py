"""Widgets over HTTP."""

TOMORROW = "12/31/2099"


def add(admin, name="first", **fields):
    body = {"name": name, "info_url": "https://example.com/", "deadline": TOMORROW, **fields}
    return admin.post("/api/v1/widgets", body)


def test_it_adds_lists_shows_updates_and_deletes(admin, user):
    added = add(admin)
    assert added.status_int == 201
    assert added.json["message"] == "New widget added: first."
    assert added.headers["Location"] == "http://localhost/api/v1/widgets/first"
    assert user.get("/api/v1/widgets").json["total_items"] == 1
    shown = user.get("/api/v1/widgets/FIRST").json
    assert shown == added.json["widget"] | {"time_remaining": shown["time_remaining"]}
    put = admin.put(
        "/api/v1/widgets/First", {"info_url": "http://example.org", "deadline": TOMORROW}
    )
    assert put.json["message"] == "'First' was successfully updated"
    assert admin.delete("/api/v1/widgets/first").status_int == 204
    assert user.get("/api/v1/widgets/first", status=404).json == {
        "message": "first not found in database."
    }
