"""The two orders of v2, tie by tie."""

from homeserver.core.events import Event
from homeserver.core.identifiers import EventID
from homeserver.core.resolution.ordering import mainline_order, reverse_topological_power_order
from tests.builders import ALICE, BOB, CAROL, Room, a_room
from tests.homeserver.core.resolution.telling import chains_of

ROOM = a_room("10", join_rule="public", power_levels={"users": {ALICE: 100, BOB: 50}}).with_members(BOB, CAROL)


def _power_order(room: Room, *events: Event) -> list[EventID]:
    known = {**room.events, **{event.event_id: event for event in events}}
    return reverse_topological_power_order([event.event_id for event in events], known)


def test_power_then_time_then_name() -> None:
    """The more powerful sender first; among equals the earlier; at the same time the lesser ID."""
    by_carol = ROOM.event("m.x", sender=CAROL, state_key="", now_ms=1)
    by_bob = ROOM.event("m.x", sender=BOB, state_key="", now_ms=2)
    late = ROOM.event("m.x", sender=ALICE, state_key="", now_ms=4)
    twins = [ROOM.event("m.x", {"n": n}, sender=ALICE, state_key="", now_ms=3) for n in range(4)]

    assert _power_order(ROOM, late, by_carol, *twins, by_bob) == [
        *sorted(twin.event_id for twin in twins),
        late.event_id,
        by_bob.event_id,
        by_carol.event_id,
    ]


def test_what_is_cited_comes_first() -> None:
    """However weak its sender and however late its time."""
    joining = ROOM.event("m.room.member", {"membership": "join"}, sender=CAROL, state_key=CAROL, now_ms=99)
    room = ROOM.adding(joining)
    after = room.event("m.x", sender=CAROL, state_key="", now_ms=1)

    assert _power_order(room, after, joining) == [joining.event_id, after.event_id]


def test_power_is_that_of_what_the_event_cites() -> None:
    """A promotion that an event does not cite counts for nothing."""
    promoted = ROOM.with_levels(users={ALICE: 100, BOB: 50, CAROL: 60})
    before = ROOM.event("m.x", sender=CAROL, state_key="", now_ms=1)
    by_bob = ROOM.event("m.x", sender=BOB, state_key="", now_ms=2)
    after = promoted.event("m.x", sender=CAROL, state_key="", now_ms=3)

    assert _power_order(promoted, before, by_bob, after) == [after.event_id, by_bob.event_id, before.event_id]


def test_creators_of_v12_stand_above_all_levels() -> None:
    """Nothing but the room ID says who they are, and no number is as high."""
    room = a_room("12", join_rule="public", power_levels={"users": {BOB: 2**53 - 1}}).with_member(BOB)
    by_bob = room.event("m.x", sender=BOB, state_key="", now_ms=1)
    by_alice = room.event("m.x", sender=ALICE, state_key="", now_ms=2)

    assert _power_order(room, by_bob, by_alice) == [by_alice.event_id, by_bob.event_id]


def test_the_mainline() -> None:
    """What stands on no power levels of the mainline first, then on older, then on newer; then time and name."""
    first = ROOM.with_levels(kick=10)
    second = first.with_levels(kick=20)
    beside = first.fork("beside").with_levels(kick=30)
    nowhere = ROOM.event("m.x", state_key="", auth_events=[ROOM.create.event_id], now_ms=9)
    on_start = ROOM.event("m.x", state_key="", now_ms=8)
    on_first = first.event("m.x", state_key="", now_ms=7)
    on_beside = beside.event("m.x", state_key="", now_ms=6)
    on_second = [second.event("m.x", {"n": n}, state_key="", now_ms=5) for n in range(3)]
    expected = [nowhere, on_start, on_beside, on_first, *sorted(on_second, key=lambda event: event.event_id)]
    events = {**second.events, **beside.events, **{event.event_id: event for event in expected}}
    order = mainline_order(
        [event.event_id for event in reversed(expected)], second.last.event_id, events, chains_of(events.values())
    )

    assert order == [event.event_id for event in expected]


def test_without_a_mainline_time_decides() -> None:
    """A state without power levels has none."""
    events = [ROOM.event("m.x", state_key="", now_ms=9 - n) for n in range(3)]
    known = {**ROOM.events, **{event.event_id: event for event in events}}
    order = mainline_order([event.event_id for event in events], None, known, chains_of(known.values()))

    assert order == [event.event_id for event in reversed(events)]
