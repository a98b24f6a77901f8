"""What an operator may tune of widgets."""

from __future__ import annotations

from typing import Any

import colander

from widget_service.fields import Flag, Listed, WholeNumber
from widget_service.settings import setting


def positive(node: Any, values: tuple[int, ...]) -> None:
    """:raises colander.Invalid: no values, or one that is not positive"""
    if not values or min(values) < 1:
        raise colander.Invalid(node, "must be positive numbers, such as 5 10 25")


class WidgetsSettings(colander.MappingSchema):
    """``widgets.*``"""

    per_page_choices = setting(
        Listed(WholeNumber()),
        (5, 10, 25, 50, 100),
        "The page sizes a client may ask for.",
        positive,
    )
    per_page = setting(WholeNumber(), 10, "The page size of a client that does not ask.")
    show_owner_email = setting(Flag(), default=True, help_text="Show the e-mail of owners.")

    def validator(self, node: Any, values: dict[str, Any]) -> None:
        """:raises colander.Invalid: the default page size is none that a client may ask for"""
        if values["per_page"] not in values["per_page_choices"]:
            error = colander.Invalid(node)
            error["per_page"] = "must be one of widgets.per_page_choices"
            raise error


def includeme(config: Any) -> None:
    """Declare them."""
    config.declare_settings("widgets", WidgetsSettings())
