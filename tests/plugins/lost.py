"""A plugin that misspells where its migrations are."""

import os


def includeme(config):
    config.include("widget_service")
    config.add_migrations(os.environ["LOST_MIGRATIONS"])
