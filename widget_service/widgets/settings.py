"""What an operator may tune of widgets."""

from __future__ import annotations

import colander

from widget_service.fields import Flag
from widget_service.settings import setting


class WidgetsSettings(colander.MappingSchema):
    """``widgets.*``"""

    anonymous_read = setting(
        Flag(), "Let everybody list and show widgets, without a token.", default=False
    )
    show_owner_email = setting(Flag(), "Show the e-mail of owners.", default=True)
