"""What an operator may tune of widgets."""

from __future__ import annotations

import colander

from widget_service.fields import Flag
from widget_service.settings import setting


class WidgetsSettings(colander.MappingSchema):
    """``widgets.*``"""

    anonymous_read = setting(
        Flag(), default=False, help_text="Let everybody list and show widgets, without a token."
    )
    show_owner_email = setting(Flag(), default=True, help_text="Show the e-mail of owners.")
