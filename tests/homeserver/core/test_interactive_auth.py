"""User-interactive authentication as a state machine."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeserver.core.interactive_auth import (
    DUMMY,
    PASSWORD,
    REGISTRATION_TOKEN,
    SESSION_ENTROPY_BYTES,
    SESSION_LIFETIME_MS,
    TERMS,
    Challenge,
    Progress,
    advance,
    is_complete,
    is_session,
    issue_session,
    open_stages,
    operation_of,
    parse_attempt,
    walked,
)
from homeserver.core.malformed import Malformed

SECRET = b"k" * 32
ENTROPY = b"e" * SESSION_ENTROPY_BYTES
FLOWS = ((REGISTRATION_TOKEN, TERMS), (TERMS, DUMMY))


def test_flows_are_walked_in_order() -> None:
    """At the start the first stage of each flow is open, and no later one."""
    assert open_stages(FLOWS, Progress()) == {REGISTRATION_TOKEN, TERMS}


def test_a_completed_stage_leaves_the_flows_that_began_with_it() -> None:
    """After the terms only the flow that starts with the terms goes on."""
    progress = advance(Progress(), TERMS)

    assert open_stages(FLOWS, progress) == {DUMMY}
    assert not is_complete(FLOWS, progress)


def test_the_last_stage_completes_the_flow() -> None:
    """A flow whose stages are all completed in order lets the call through, and nothing is left open."""
    progress = advance(advance(Progress(), TERMS), DUMMY)

    assert is_complete(FLOWS, progress)
    assert open_stages(FLOWS, progress) == frozenset()


def test_no_stages_complete_nothing() -> None:
    """A request never succeeds without authentication."""
    assert not is_complete(FLOWS, Progress())


def test_what_a_stage_proved_is_kept() -> None:
    """The registration token of the first stage is there when the last is completed."""
    progress = advance(advance(Progress(), REGISTRATION_TOKEN, "welcome"), TERMS)

    assert progress.proofs[REGISTRATION_TOKEN] == "welcome"


def test_a_session_serves_its_purpose_alone() -> None:
    """A session opened to change a password deletes no device."""
    session = issue_session(SECRET, "changePassword @alice:example.org", 1000, ENTROPY)

    assert is_session(SECRET, "changePassword @alice:example.org", 1000, session)
    assert not is_session(SECRET, "deleteDevice @alice:example.org", 1000, session)
    assert not is_session(SECRET, "changePassword @bob:example.org", 1000, session)


def test_a_session_ends() -> None:
    """A session is good to the last millisecond of its life, and no longer."""
    session = issue_session(SECRET, "register", 1000, ENTROPY)

    assert is_session(SECRET, "register", 1000 + SESSION_LIFETIME_MS - 1, session)
    assert not is_session(SECRET, "register", 1000 + SESSION_LIFETIME_MS, session)


def test_sessions_of_other_servers_are_strangers() -> None:
    """Only who knows the secret issues sessions."""
    session = issue_session(b"x" * 32, "register", 1000, ENTROPY)

    assert not is_session(SECRET, "register", 1000, session)


def test_a_session_says_what_it_is_for() -> None:
    """Its page knows the operation, and nothing of whose it is; of other servers' sessions it knows nothing."""
    session = issue_session(SECRET, "changePassword @alice:example.org", 1000, ENTROPY)

    assert operation_of(SECRET, 1000, session) == "changePassword"
    assert operation_of(b"x" * 32, 1000, session) is None
    assert operation_of(SECRET, 1000 + SESSION_LIFETIME_MS, session) is None
    assert operation_of(SECRET, 1000, session.replace("changePassword", "register")) is None


def test_proofs_lead_along_a_flow_in_whatever_order_they_came() -> None:
    """As far as they do without a gap, and along the flow that they lead along the farthest."""
    flows = ((REGISTRATION_TOKEN, TERMS), (TERMS, DUMMY))

    assert walked(flows, {}).completed == ()
    assert walked(flows, {TERMS: ""}).completed == (TERMS,)
    assert walked(flows, {DUMMY: "", TERMS: ""}).completed == (TERMS, DUMMY)
    assert walked(flows, {TERMS: "", REGISTRATION_TOKEN: "t"}).completed == (REGISTRATION_TOKEN, TERMS)
    assert walked(flows, {DUMMY: ""}).completed == ()


@given(st.text())
def test_made_up_sessions_are_refused(text: str) -> None:
    """A client cannot invent a session, whatever it writes."""
    assert not is_session(SECRET, "register", 1000, text)


@given(st.integers(0, len("register.") + 59), st.sampled_from("AZaz09-_"))
def test_a_changed_session_is_refused(index: int, character: str) -> None:
    """Any changed character breaks the session."""
    session = issue_session(SECRET, "register", 1000, ENTROPY)
    changed = session[:index] + character + session[index + 1 :]

    assert is_session(SECRET, "register", 1000, changed) == (changed == session)


@pytest.mark.parametrize(
    "auth",
    [None, "x", [], {}, {"type": 1}, {"session": 7}, {"session": None}, {"type": DUMMY, "session": {}}],
)
def test_bad_auth_is_malformed(auth: Any) -> None:
    """An auth that is no object, or names neither stage nor session, is refused."""
    with pytest.raises(Malformed):
        parse_attempt(auth)


def test_an_attempt_may_only_look() -> None:
    """A session alone asks where it stands, as after a stage completed in a browser."""
    attempt = parse_attempt({"session": "s"})

    assert attempt.stage is None
    assert attempt.session == "s"


def test_a_challenge_tells_what_went_wrong() -> None:
    """After a failed attempt the flows come again, with the error beside them."""
    challenge = Challenge("s", ((PASSWORD,),), errcode="M_FORBIDDEN", error="Wrong.")

    assert challenge.to_json() == {
        "session": "s",
        "flows": [{"stages": [PASSWORD]}],
        "params": {},
        "errcode": "M_FORBIDDEN",
        "error": "Wrong.",
    }


def test_a_challenge_lists_what_is_completed() -> None:
    """In the middle of a flow the client reads which stages are behind it."""
    challenge = Challenge("s", FLOWS, completed=(TERMS,))

    assert challenge.to_json()["completed"] == [TERMS]
