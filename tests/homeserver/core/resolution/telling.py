"""How a story is played on rooms, and what came of it is read."""

from collections.abc import Iterable, Mapping

from homeserver.core.authorization.rules import check_event
from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.events import Event, StateKey
from homeserver.core.identifiers import EventID
from homeserver.core.resolution.auth_chains import AuthChains, ChainLink
from homeserver.core.versions import RoomVersion
from tests.builders import ALICE, START_MS, Room, a_room
from tests.homeserver.core.resolution.stories import Step, Story

State = Mapping[StateKey, EventID]


def play(story: Story, version: str) -> tuple[Room, Room]:
    """Both branches of the story."""
    start = _play(a_room(version, join_rule="public"), story.common)
    return _play(start.fork("left"), story.left), _play(start.fork("right"), story.right)


def chains_of(events: Iterable[Event]) -> AuthChains:
    """The auth chains of these events, none of which may be missing."""
    chains = AuthChains()
    assert not chains.add_all(ChainLink.of(event) for event in events)
    return chains


def known_to(*rooms: Room) -> dict[EventID, Event]:
    """All events of these rooms."""
    return {event_id: event for room in rooms for event_id, event in room.events.items()}


def read(key: str, state: State, events: Mapping[EventID, Event], version: RoomVersion) -> JSON:
    """What *state* says of one key of an outcome."""
    names = {"topic": "m.room.topic", "rules": "m.room.join_rules"}
    if key in {"users", "levels"}:
        levels = dict(events[state["m.room.power_levels", ""]].content)
        users = levels.pop("users", {})
        assert isinstance(users, dict)
        return {user: level for user, level in users.items() if user != ALICE} if key == "users" else levels
    named = ("m.room.member", key) if key.startswith("@") else (names[key], "")
    if named not in state:
        return None
    content = events[state[named]].content
    return content["membership"] if key.startswith("@") else content["topic" if key == "topic" else "join_rule"]


def _play(room: Room, steps: Iterable[Step]) -> Room:
    for step in steps:
        event = _event(room, step)
        verdict = check_event(event, room.state)
        assert verdict, f"{step} breaks the story: {verdict}"
        room = room.adding(event)
    return room


def _event(room: Room, step: Step) -> Event:
    second, who, verb, what = step
    now_ms = START_MS + 1_000_000 + second * 1000
    state_key, event_type = "", "m.room.member"
    content: JSONObject
    match verb, what:
        case "topic", _:
            event_type, content = "m.room.topic", {"topic": what}
        case "rules", _:
            event_type, content = "m.room.join_rules", {"join_rule": what}
        case "levels", dict():
            event_type, content = "m.room.power_levels", {**_levels(room), **what}
        case "users", dict():
            # Until v11 the creator's level is written down; since v12 it must not be.
            own: JSONObject = {} if room.version.auth.privileged_creators else {ALICE: 100}
            event_type, content = "m.room.power_levels", {**_levels(room), "users": {**own, **what}}
        case (("ban" | "invite"), str(target)):
            state_key, content = target, {"membership": verb}
        case "kick", str(target):
            state_key, content = target, {"membership": "leave"}
        case _:
            state_key, content = who, {"membership": verb}
    return room.event(event_type, content, sender=who, state_key=state_key, now_ms=now_ms)


def _levels(room: Room) -> JSONObject:
    return dict(room.state["m.room.power_levels", ""].content)
