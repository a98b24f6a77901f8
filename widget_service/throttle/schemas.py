"""What the documentation says of 429."""

from __future__ import annotations

import colander

from widget_service.answers import Bare, response_key
from widget_service.fields import Text


class _Fields(colander.MappingSchema):
    seconds = response_key(Text(), "Seconds (RFC 9110, 10.2.3).", name="Retry-After")
    policy = response_key(Text(), "The limits: q requests in w seconds.", name="RateLimit-Policy")
    standing = response_key(
        Text(), "r requests remain, t seconds until they are q.", name="RateLimit"
    )


class TooMany(Bare):
    """The bare shape, and how long to wait."""

    header = _Fields()
