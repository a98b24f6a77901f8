"""What an operator may tune of the documentation."""

from __future__ import annotations

from importlib.metadata import version

import colander

from widget_service.fields import Text, WholeNumber
from widget_service.rest import api_prefix
from widget_service.settings import setting


class DocsSettings(colander.MappingSchema):
    """``docs.*``"""

    title = setting(Text(), "Widget service", "The title of the documentation.")
    version = setting(
        Text(), version("widget_service"), "The version of the API; that of the package by default."
    )
    description = setting(
        Text(),
        "Widgets that everybody with an account may see, and administrators may change. "
        "Register or log in, and send the token as a bearer token.",
        "The text below the title, in Markdown.",
    )
    ui_path = setting(
        Text(), "/ui", "The path of the documentation's page, below rest.prefix.", api_prefix
    )
    asset_max_age = setting(
        WholeNumber(),
        86400,
        "How long a browser keeps the page's scripts and styles, in seconds.",
        colander.Range(0, 366 * 86400),
    )
