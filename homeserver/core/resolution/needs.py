"""What an algorithm must be given before it can answer."""

from attrs import frozen

from homeserver.core.identifiers import EventID

_NONE: frozenset[EventID] = frozenset()


@frozen
class Needs:
    """
    Ask again with these.

    *event_ids*: to be among the events.  *chain_ids*: to be in the auth chains, and with them all that they cite.
    """

    event_ids: frozenset[EventID] = _NONE
    chain_ids: frozenset[EventID] = _NONE
