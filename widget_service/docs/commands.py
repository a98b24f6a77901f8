"""The documentation, for whoever has no running service."""

from __future__ import annotations

import argparse
import json
from typing import Any

from widget_service import settings


def print_swagger(registry: Any, _args: argparse.Namespace) -> None:
    """Print the Swagger 2.0 document, such that two of them compare line by line."""
    document = {
        **registry.documents.swagger,
        "basePath": settings.of(registry, "rest").prefix,
    }
    print(json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True))
