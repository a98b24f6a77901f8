"""The server: waitress, which in the end cuts nobody off."""
