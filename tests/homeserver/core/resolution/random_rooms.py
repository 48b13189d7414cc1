"""Rooms that anything allowed may have happened in, on several branches, merged now and then."""

from hypothesis import strategies as st

from homeserver.core.authorization.rules import check_event
from homeserver.core.canonical import JSONObject
from homeserver.core.events import Event, StateKey
from homeserver.core.identifiers import EventID, UserID
from homeserver.core.resolution.needs import Needs
from homeserver.core.resolution.resolve import resolve
from tests.builders import ALICE, BOB, CAROL, DAVE, START_MS, Room, a_room
from tests.homeserver.core.resolution.telling import chains_of, known_to

USERS = (ALICE, BOB, CAROL, DAVE)
BRANCHES = 3

DEEDS = st.lists(
    st.tuples(
        st.integers(0, BRANCHES - 1),
        st.sampled_from(USERS),
        st.sampled_from(["join", "leave", "ban", "kick", "invite", "levels", "rules", "topic", "topic", "merge"]),
        st.sampled_from(USERS),
        st.integers(0, 6),
    ),
    min_size=4,
    max_size=30,
)
Deed = tuple[int, UserID, str, UserID, int]


def branches_of(version: str, deeds: list[Deed]) -> list[Room]:
    """The branches after these deeds, as far as the rules let them be done."""
    levels: JSONObject = {"users": {BOB: 60, CAROL: 50}}
    start = a_room(version, join_rule="public", has_levels=False).with_members(BOB, CAROL)
    if not start.version.auth.privileged_creators:
        levels = {"users": {ALICE: 100, BOB: 60, CAROL: 50}}
    start = start.with_state("m.room.power_levels", levels)
    rooms = [start.fork(str(number)) for number in range(BRANCHES)]
    for number, (branch, who, verb, target, second) in enumerate(deeds):
        if verb == "merge":
            rooms[branch] = merged(rooms[branch], rooms[second % BRANCHES])
            continue
        room = rooms[branch].fork(str(number))
        event = _event(room, who, verb, target, second)
        if check_event(event, room.state):
            rooms[branch] = room.adding(event)
    return rooms


def merged(left: Room, right: Room) -> Room:
    """The room after both branches, its state resolved."""
    events = known_to(left, right)
    state = resolve(left.version, [left.state_ids, right.state_ids], events, chains_of(events.values()))
    assert not isinstance(state, Needs)
    return left.merged_with(right, {key: events[event_id] for key, event_id in state.items()})


def states_of(rooms: list[Room]) -> list[dict[StateKey, EventID]]:
    return [room.state_ids for room in rooms]


def _event(room: Room, who: UserID, verb: str, target: UserID, number: int) -> Event:
    event_type, state_key, content = "m.room.member", str(target), {"membership": verb}
    described: JSONObject = dict(content)
    match verb:
        case "join" | "leave":
            state_key = who
        case "kick":
            described = {"membership": "leave"}
        case "topic":
            event_type, state_key, described = "m.room.topic", "", {"topic": str(number)}
        case "rules":
            rule = ("public", "invite")[number % 2]
            event_type, state_key, described = "m.room.join_rules", "", {"join_rule": rule}
        case "levels":
            before = dict(room.state["m.room.power_levels", ""].content)
            users = before["users"]
            assert isinstance(users, dict)
            event_type, state_key = "m.room.power_levels", ""
            described = {**before, "users": {**users, target: number * 20}}
    return room.event(event_type, described, sender=who, state_key=state_key, now_ms=START_MS + 10**6 + number)
