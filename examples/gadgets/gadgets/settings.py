"""What an operator may tune of gadgets."""

import colander

from widget_service.fields import Flag, WholeNumber
from widget_service.settings import setting


class GadgetsSettings(colander.MappingSchema):
    # No more than its column holds.
    max_price = setting(
        WholeNumber(),
        "What a gadget may cost, in cents.",
        colander.Range(1, 2**31 - 1),
        default=100_000,
    )
    welcome = setting(Flag(), "Give every new user a gadget.", default=False)
