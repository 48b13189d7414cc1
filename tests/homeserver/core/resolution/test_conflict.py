"""States as differences."""

from hypothesis import given
from hypothesis import strategies as st

from homeserver.core.events import StateKey
from homeserver.core.identifiers import EventID
from homeserver.core.resolution.conflict import Conflict, applied_to, changes_between

KEYS = st.sampled_from([("m.x", name) for name in "abcde"])
STATES = st.dictionaries(KEYS, st.sampled_from([EventID(f"${name}") for name in "xyz"]))
State = dict[StateKey, EventID]


@given(STATES, STATES)
def test_changes_lead_from_one_state_to_the_other(old: State, new: State) -> None:
    """And hold nothing that is the same."""
    changes = changes_between(old, new)

    assert applied_to(old, changes) == new
    assert all(old.get(key) != value for key, value in changes.items())


@given(STATES, st.lists(STATES, min_size=1, max_size=3))
def test_a_conflict_divides_the_keys(common: State, states: list[State]) -> None:
    """A key is undisputed when every state has the same under it, whatever state they are told from."""
    conflict = Conflict.among(common, [changes_between(common, state) for state in states])
    for name in "abcde":
        key = ("m.x", name)
        values = {state.get(key) for state in states}

        assert conflict.undisputed(key) == (values.pop() if len(values) == 1 else None)
        assert (key in conflict.disputed) is (len({state.get(key) for state in states}) > 1)
    assert sorted(conflict.undisputed_events()) == sorted(
        states[0][key] for key in states[0] if all(state.get(key) == states[0][key] for state in states)
    )
