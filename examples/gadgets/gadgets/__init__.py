"""Gadgets: a plugin of widget_service, whole. Everything that it adds is named here."""

from gadgets import commands, views, workshop
from gadgets.settings import GadgetsSettings
from widget_service.auth.events import UserRegistered


def includeme(config):
    config.include("widget_service")
    config.include("widget_service.auth")  # the makers of gadgets are users
    config.declare_settings("gadgets", GadgetsSettings())
    config.declare_permissions(
        {"gadgets:read": "list and show gadgets", "gadgets:write": "add, change and delete them"}
    )
    config.add_migrations("gadgets:migrations")
    config.add_rest_service(views.gadgets)
    config.add_rest_service(views.gadget)
    config.add_subscriber(workshop.welcome, UserRegistered)
    config.add_command("count-gadgets", commands.count, help="print how many gadgets there are")
