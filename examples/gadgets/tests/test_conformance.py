"""Gadgets keep to what every plugin keeps to."""

from widget_service.conformance import *
