"""Which servers an event goes to."""

from collections.abc import Set as AbstractSet

from homeserver.core.events import Event
from homeserver.core.identifiers import ServerName, UserID, is_user_id, server_of


def recipients_of(
    event: Event, servers_before: AbstractSet[ServerName], ourselves: ServerName
) -> frozenset[ServerName]:
    """
    The servers that must be sent *event*, by the servers with joined users just before it.

    A user's leaving or ban also goes to the user's server: where nobody has joined, an invite or a knock may be known
    that this ends.  An invite goes there by a request of its own.
    """
    concerned = set(servers_before)
    if event.membership in {"leave", "ban"} and event.state_key is not None and is_user_id(event.state_key):
        concerned.add(server_of(UserID(event.state_key)))
    # Whoever sent it has it.
    return frozenset(concerned - {ourselves, server_of(event.sender)})
