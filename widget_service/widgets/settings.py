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
        Listed(WholeNumber()), (5, 10, 25, 50, 100), "The page sizes a client may ask for.", positive
    )
    per_page = setting(WholeNumber(), 10, "The page size of a client that does not ask.")
    show_owner_email = setting(Flag(), default=True, help_text="Show the e-mail of owners.")


def includeme(config: Any) -> None:
    """Declare them, and check them against each other."""
    values = config.declare_settings("widgets", WidgetsSettings())
    if values.per_page not in values.per_page_choices:
        choices = ", ".join(map(str, values.per_page_choices))
        config.registry.settings_source.complain(
            "widgets.per_page", f"is none of widgets.per_page_choices: {choices}"
        )
