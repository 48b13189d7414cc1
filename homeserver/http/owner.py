"""Paths that name a user, and serve that user alone."""

from homeserver.core.identifiers import UserID
from homeserver.services.callers import Caller
from homeserver.services.refusals import Forbidden


def require_owner(caller: Caller, user_id: UserID) -> None:
    """Raises Forbidden unless the caller is who the path names."""
    if caller.user_id != user_id:
        raise Forbidden("This belongs to another user.")
