"""Where an operator may have it."""

from __future__ import annotations

from typing import Any

import colander

from widget_service.fields import Text
from widget_service.rest import api_prefix
from widget_service.settings import setting


def path_or_none(node: Any, value: str) -> None:
    """:raises colander.Invalid: ``value`` is neither empty nor a path"""
    if value:
        api_prefix(node, value)


class OpsSettings(colander.MappingSchema):
    """``ops.*``"""

    alive_path = setting(
        Text(),
        "The path that answers 200 as long as the process answers at all.",
        api_prefix,
        default="/__lbheartbeat__",
    )
    ready_path = setting(
        Text(),
        "The path that answers 503 when requests had better go to another process.",
        api_prefix,
        default="/__heartbeat__",
    )
    version_path = setting(
        Text(), "The path that answers which release this is.", api_prefix, default="/__version__"
    )
    metrics_path = setting(
        Text(),
        "The path that tells Prometheus how many requests were answered, and in what time; empty "
        "for none. Needs widget_service[metrics].",
        path_or_none,
        default="",
    )
