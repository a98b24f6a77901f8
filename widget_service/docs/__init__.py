"""Documentation."""

def includeme(config):
    config.include("widget_service")
