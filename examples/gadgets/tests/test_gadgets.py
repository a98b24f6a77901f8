"""What is particular about gadgets."""

GADGET = {"code": "AB-12", "title": "Lever", "price": "1250"}


def test_it_adds_shows_changes_and_deletes_gadgets(admin, user):
    assert admin.post("/api/v1/gadgets", GADGET).status_int == 201
    shown = {**GADGET, "price": 1250, "maker": admin.account.public_id}
    assert user.get("/api/v1/gadgets").json["items"] == [shown]
    admin.put_json("/api/v1/gadgets/AB-12", {"title": "Longer lever", "price": 1300})
    assert user.get("/api/v1/gadgets/AB-12").json["title"] == "Longer lever"
    assert admin.delete("/api/v1/gadgets/AB-12").status_int == 204
    assert user.get("/api/v1/gadgets").json["items"] == []


def test_it_names_every_field_that_is_wrong(admin):
    answer = admin.post("/api/v1/gadgets", {"code": "x", "price": "100001"}, status=400)
    assert set(answer.json["errors"]) == {"code", "title", "price"}
