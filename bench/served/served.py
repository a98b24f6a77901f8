"""The service for granian, as the README says."""

from __future__ import annotations

import os

from pyramid.paster import get_app, setup_logging

setup_logging(os.environ["BENCH_INI"])
application = get_app(os.environ["BENCH_INI"])
