"""Whatever strangers put into events, the rules answer and do not break."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from homeserver.core.auth_events import auth_keys_of
from homeserver.core.authorization.citations import check_auth_events
from homeserver.core.authorization.rules import check_event
from homeserver.core.event_signatures import check_signatures, required_signatures
from homeserver.core.verdicts import Allowed, Denied
from tests.builders import ALICE, BOB, VERSIONS, a_room, verify_keys
from tests.homeserver.core.test_canonical import few_values

TYPES = [
    "m.room.create", "m.room.member", "m.room.power_levels", "m.room.join_rules", "m.room.third_party_invite",
    "m.room.redaction", "m.room.aliases", "m.room.message",
]  # fmt: skip
KEYS = [
    "membership", "join_rule", "users", "events", "notifications", "ban", "kick", "invite", "redact", "users_default",
    "state_default", "events_default", "creator", "additional_creators", "room_version", "m.federate", "redacts",
    "third_party_invite", "join_authorised_via_users_server", "public_key", "public_keys",
]  # fmt: skip
PLAUSIBLE = st.sampled_from(
    ["join", "invite", "knock", "public", "restricted", ALICE, BOB, 50, {ALICE: 100}, {BOB: []}, [ALICE], [BOB, 5],
     {"signed": {"mxid": BOB, "token": "", "signatures": {"a": {"ed25519:1": "AA"}}}}, [{"public_key": "AA"}], "11"]
)  # fmt: skip
contents = st.dictionaries(st.sampled_from(KEYS), PLAUSIBLE | few_values, max_size=4)
ROOMS = {version: a_room(version).with_member(BOB) for version in VERSIONS}


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(VERSIONS),
    st.sampled_from(TYPES),
    contents,
    st.sampled_from([None, "", ALICE, BOB, "x"]),
    st.dictionaries(st.sampled_from([*TYPES[:5], "bob"]), contents),
)
def test_every_event_gets_a_verdict(
    version: str, event_type: str, content: Any, state_key: str | None, odd_state: dict[str, Any]
) -> None:
    """Odd events against odd states: a verdict each time."""
    room = ROOMS[version]
    state = dict(room.state)
    for odd_type, odd_content in odd_state.items():
        odd = room.event("m.room.member" if odd_type == "bob" else odd_type, odd_content, state_key="")
        state[("m.room.member", BOB) if odd_type == "bob" else (odd_type, "")] = odd
    event = room.event(event_type, content, sender=BOB, state_key=state_key)

    assert isinstance(check_event(event, state), Allowed | Denied)
    assert isinstance(check_auth_events(event, list(state.values()), ()), Allowed | Denied)
    assert isinstance(check_signatures(event, verify_keys(*required_signatures(event))), Allowed | Denied)
    assert len(auth_keys_of(event)) <= 10
