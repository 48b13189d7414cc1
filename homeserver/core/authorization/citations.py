"""
The authorization rules about what an event cites as its auth_events.

Spec: rooms/v12#authorisation-rules, rules 2 and 3
"""

from collections.abc import Collection, Sequence

from homeserver.core.auth_events import CREATE, auth_keys_of
from homeserver.core.events import Event, StateKey
from homeserver.core.identifiers import EventID
from homeserver.core.verdicts import ALLOWED, Denied, Verdict


def check_auth_events(event: Event, auth_events: Sequence[Event], rejected: Collection[EventID]) -> Verdict:
    """
    Whether *event* cites what it should.

    *auth_events* are the events that it cites, all of them; *rejected* holds at least the IDs of those among them, and
    of the room's create event, that were rejected.
    """
    # Rule 1 lets m.room.create pass before this is asked.
    if event.type == "m.room.create":
        return ALLOWED
    rules = event.version.auth
    # Since v12, rule 2: the room ID names an accepted create event.
    if rules.room_id_is_create_hash and EventID("$" + event.room_id[1:]) in rejected:
        return Denied("create.rejected")
    # Since v12 m.room.create is not among the keys.
    wanted = set(auth_keys_of(event))
    cited: set[StateKey] = set()
    for auth_event in auth_events:
        if not auth_event.is_state or auth_event.key not in wanted:
            return Denied("auth_events.not_selected")
        if auth_event.key in cited:
            return Denied("auth_events.duplicate")
        if auth_event.event_id in rejected:
            return Denied("auth_events.rejected")
        if auth_event.room_id != event.room_id:
            return Denied("auth_events.another_room")
        cited.add(auth_event.key)
    # Until v11.
    if not rules.room_id_is_create_hash and CREATE not in cited:
        return Denied("auth_events.no_create")
    return ALLOWED
