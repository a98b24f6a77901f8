"""The server: waitress, which in the end cuts nobody off."""

# Where the application finds in the environment of a request that its server is about to stop:
# True, or not there.
DRAINING = "widget_service.draining"
