"""What an operator changes in the .ini file."""

import pytest
import time_machine

from widget_service.testing import Client, application, ini_text

WIDGETS = "/api/v1/widgets"
FIELDS = {"name": "first", "info_url": "https://example.com/"}


@pytest.fixture
def configured(own_database, tmp_path):
    """A function that makes a client of an application with these settings."""
    made = []

    def run(**settings):
        changed = {key.replace("__", "."): value for key, value in settings.items()}
        made.append(application(ini_text(own_database, settings=changed), tmp_path))
        return Client(made[-1])

    yield run
    for app in made:
        app.registry.database.close()


def test_it_offers_other_page_sizes(configured):
    client = configured(paging__per_page="3", paging__per_page_choices="3, 7")
    user = client.sign_up("user@example.com")
    assert user.get(WIDGETS).json["items_per_page"] == 3
    assert user.get(f"{WIDGETS}?per_page=7").json["items_per_page"] == 7
    answer = user.get(f"{WIDGETS}?per_page=10", status=400)
    text = "The value '10' is not a valid choice for 'per_page'."
    assert answer.json["errors"] == {"per_page": text}


def test_it_keeps_the_address_of_owners_to_itself(configured):
    admin = configured(widgets__show_owner_email="false").sign_up("a@example.com", admin=True)
    added = admin.post(WIDGETS, FIELDS | {"deadline": "12/31/2099"}).json["widget"]
    assert added["owner"] == {"public_id": admin.account.public_id}
    documented = admin.get("/api/v1/swagger.json").json["definitions"]["Widget"]
    assert list(documented["properties"]["owner"]["properties"]) == ["public_id"]


def test_it_lives_in_a_time_zone(configured):
    client = configured(rest__time_zone="America/New_York")
    # The last second of a day in New York, when it is another day in UTC.
    with time_machine.travel("2027-01-02T04:59:59+00:00", tick=False) as clock:
        admin = client.sign_up("admin@example.com", admin=True)
        widget = admin.post(WIDGETS, FIELDS | {"deadline": "1/1/2027"}).json["widget"]
        assert widget["created_at"] == "01/01/27 11:59:59 PM EST"
        assert widget["created_at_iso8601"] == "2027-01-01T23:59:59-05:00"
        assert widget["created_at_rfc822"] == "Fri, 01 Jan 2027 23:59:59 -0500"
        assert widget["deadline"] == "01/01/27 11:59:59 PM EST"
        assert widget["deadline_iso8601"] == "2027-01-01T23:59:59-05:00"
        assert (widget["deadline_passed"], widget["time_remaining"]) == (False, "0 seconds")
        clock.shift(1)
        widget = admin.get(f"{WIDGETS}/first").json
        assert (widget["deadline_passed"], widget["time_remaining"]) == (True, "No time remaining")
        fields = FIELDS | {"deadline": "1/1/2027"}
        assert admin.put(f"{WIDGETS}/first", fields, status=400).json["errors"] == {
            "deadline": "Successfully parsed 1/1/2027 as Jan 01 2027. "
            "However, this value must be a date in the future"
        }
        fields = FIELDS | {"deadline": "7/4/2027"}
        widget = admin.put(f"{WIDGETS}/first", fields).json["widget"]
        assert widget["deadline"] == "07/04/27 11:59:59 PM EDT"


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"paging__per_page": "7"}, "must be one of paging.per_page_choices"),
        (
            {"paging__per_page_choices": "3, 7"},
            r"paging.per_page = 10 \(default\): must be one of paging.per_page_choices",
        ),
        ({"paging__per_page_choices": ""}, "must be positive numbers, such as 5 10 25"),
        ({"paging__per_page_choices": "10 0"}, "must be positive numbers, such as 5 10 25"),
        ({"paging__per_page_choices": "10 ten"}, "ten is not a valid integer"),
        ({"widgets__show_owner_email": "maybe"}, "must be true or false"),
    ],
)
def test_it_refuses_to_start_on_a_mistake(configured, settings, complaint):
    with pytest.raises(SystemExit, match=complaint):
        configured(**settings)
