"""All that administrators can ask for: what ``serve.py`` serves to them, and the command line knows."""

from homeserver.http.admin.actions import ActionEndpoints

ENDPOINTS: tuple[type, ...] = (ActionEndpoints,)
"""In the order in which the command line shows them."""
