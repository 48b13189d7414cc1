"""Times by ID, the next one at hand."""

from hypothesis import given
from hypothesis import strategies as st

from homeserver.services.delayed_events.dues import Dues

CHANGES = st.lists(st.tuples(st.sampled_from("abcdef"), st.none() | st.integers(0, 50)), max_size=200)


@given(CHANGES, st.integers(0, 50))
def test_what_is_due_is_what_was_said_last(changes: list[tuple[str, int | None]], now: int) -> None:
    """Whatever was set and discarded before, each event is due once, at its last time, in the order of the times."""
    dues, expected = Dues(), dict[str, int]()
    for name, at in changes:
        if at is None:
            dues.discard(name)
            expected.pop(name, None)
        else:
            dues.set(name, at)
            expected[name] = at
    due = sorted((at, name) for name, at in expected.items() if at <= now)

    assert dues.next_ms == min(expected.values(), default=None)
    assert dues.take(now, 1000) == [name for _, name in due]
    assert dues.take(now, 1000) == []
    assert all((name in dues) == (at > now) for name, at in expected.items())


def test_restarting_again_and_again_takes_no_memory() -> None:
    """A heartbeat every few seconds for weeks is one entry."""
    dues = Dues()
    for at in range(10_000):
        dues.set("a", at)

    assert len(dues._heap) < 100
    assert dues.take(20_000, 10) == ["a"]
