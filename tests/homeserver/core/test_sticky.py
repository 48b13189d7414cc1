"""What makes an event sticky, and until when."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homeserver.core.canonical import JSON
from homeserver.core.redaction import redact
from homeserver.core.sticky import DURATION_MS_MAX, duration_ms_of, ends_ms, sticky_field
from homeserver.core.versions import ROOM_VERSIONS


@given(st.integers(0, DURATION_MS_MAX))
def test_what_is_said_is_understood(duration_ms: int) -> None:
    """Under the name that servers use today, and under the one that is proposed."""
    field = sticky_field(duration_ms)

    assert duration_ms_of(field) == duration_ms
    assert duration_ms_of({"sticky": {"duration_ms": duration_ms}}) == duration_ms


@pytest.mark.parametrize(
    "value",
    [None, 5, "5", [], {}, {"duration_ms": "5"}, {"duration_ms": True}, {"duration_ms": 1.5}, {"duration_ms": -1},
     {"duration_ms": DURATION_MS_MAX + 1}, {"duration_ms": None}],
)  # fmt: skip
def test_what_is_not_valid_is_not_sticky(value: JSON) -> None:
    """Whatever it is, it is an ordinary event."""
    assert duration_ms_of({"msc4354_sticky": value}) is None
    assert duration_ms_of({}) is None


@given(st.integers(0, 2**50), st.integers(0, 2**50), st.integers(0, DURATION_MS_MAX))
def test_no_clock_makes_it_last_longer(origin: int, received: int, duration_ms: int) -> None:
    """It ends no later than its duration after it came; a clock that is behind makes it end earlier."""
    end = ends_ms(origin, received, duration_ms)

    assert end <= received + duration_ms
    assert end == duration_ms + min(origin, received)


def test_redacting_ends_it() -> None:
    """In every room version: a redacted sticky event is an ordinary one."""
    for version in ROOM_VERSIONS.values():
        pdu: dict[str, JSON] = {"type": "m.rtc.member", "content": {}, **sticky_field(1000)}

        assert duration_ms_of(redact(pdu, version)) is None
