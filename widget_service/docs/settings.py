"""What an operator may tune of the documentation."""

from __future__ import annotations

from importlib.metadata import version

import colander

from widget_service.fields import Text, WholeNumber
from widget_service.rest import api_prefix
from widget_service.settings import setting


class DocsSettings(colander.MappingSchema):
    """``docs.*``"""

    title = setting(Text(), "The title of the documentation.", default="Widget service")
    version = setting(
        Text(),
        "The version of the API; that of the package by default.",
        default=version("widget_service"),
    )
    description = setting(
        Text(),
        "The text below the title, in Markdown.",
        default="Widgets that everybody with an account may see, and administrators may change. "
        "Register or log in, and send the token as a bearer token.",
    )
    ui_path = setting(
        Text(),
        "The path of the documentation's page, below rest.prefix.",
        api_prefix,
        default="/ui",
    )
    asset_max_age = setting(
        WholeNumber(),
        "How long a browser keeps the page's scripts and styles, in seconds.",
        colander.Range(0, 366 * 86400),
        default=86400,
    )
