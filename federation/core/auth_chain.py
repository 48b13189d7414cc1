"""
Judging events that are known as parts of states and auth chains, each by the events that it cites.

Spec: server-server-api#checks-performed-on-receipt-of-a-pdu
"""

from collections.abc import Collection, Iterable, Mapping

from attrs import frozen

from homeserver.core.auth_events import CREATE
from homeserver.core.authorization.citations import check_auth_events
from homeserver.core.authorization.rules import check_event
from homeserver.core.events import Event
from homeserver.core.identifiers import EventID, RoomID


@frozen
class Judged:
    """
    *accepted* and *rejected*: in an order in which every event comes after those that it cites.

    *unknown*: events that were cited and are nowhere; what cites them, directly or not, is in neither list.
    """

    accepted: tuple[Event, ...]
    rejected: tuple[Event, ...]
    unknown: frozenset[EventID]


def create_event_id(room_id: RoomID) -> EventID:
    """Since v12: the ID of the event that made the room."""
    return EventID("$" + room_id[1:])


def cited_by(event: Event) -> tuple[EventID, ...]:
    """All that judging *event* looks at: its auth events and, since v12, the create event."""
    if event.version.auth.room_id_is_create_hash and event.type != "m.room.create":
        return (*event.auth_events, create_event_id(event.room_id))
    return event.auth_events


def judge(events: Iterable[Event], known: Mapping[EventID, Event], rejected: Collection[EventID]) -> Judged:
    """
    *events* judged by each other and by what is *known* already; *rejected*: those of the known that were rejected.
    """
    by_id = {event.event_id: event for event in events if event.event_id not in known}
    refused = set(rejected)
    sound: dict[EventID, Event] = dict(known)
    order, unknown = _sorted(by_id, known)
    accepted: list[Event] = []
    denied: list[Event] = []
    for event in order:
        if all(event_id in sound for event_id in cited_by(event)):
            sound[event.event_id] = event
            if _is_allowed(event, sound, refused):
                accepted.append(event)
            else:
                refused.add(event.event_id)
                denied.append(event)
    return Judged(tuple(accepted), tuple(denied), unknown)


def _is_allowed(event: Event, sound: Mapping[EventID, Event], refused: Collection[EventID]) -> bool:
    cited = [sound[event_id] for event_id in event.auth_events]
    if not check_auth_events(event, cited, refused):
        return False
    state = {auth.key: auth for auth in cited if auth.is_state}
    if event.version.auth.room_id_is_create_hash and event.type != "m.room.create":
        create_id = create_event_id(event.room_id)
        if create_id in refused:
            return False
        state[CREATE] = sound[create_id]
    return bool(check_event(event, state))


def _sorted(by_id: Mapping[EventID, Event], known: Collection[EventID]) -> tuple[list[Event], frozenset[EventID]]:
    """Each event after those that it cites; and what is cited and nowhere."""
    order: list[Event] = []
    unknown: set[EventID] = set()
    done: set[EventID] = set()
    entered: set[EventID] = set()
    for start in by_id:
        stack = [start]
        while stack:
            event_id = stack[-1]
            event = by_id[event_id]
            if event_id in done:
                stack.pop()
                continue
            if event_id not in entered:
                entered.add(event_id)
                for cited in cited_by(event):
                    if cited in by_id:
                        # Who cites in a circle (possible until v2) is cut where the circle closes.
                        if cited not in entered:
                            stack.append(cited)
                    elif cited not in known:
                        unknown.add(cited)
                continue
            stack.pop()
            done.add(event_id)
            order.append(event)
    return order, frozenset(unknown)
