"""The service's own tests use what it offers to the authors of plugins."""

pytest_plugins = ["widget_service.testing"]
