"""How often users are written to."""

from hypothesis import given
from hypothesis import strategies as st

from homeserver.core.mail.digests import Digest, Line, Rhythm, RoomDigest

MINUTE, HOUR = 60_000, 3_600_000
RHYTHM = Rhythm(10 * MINUTE, 24 * HOUR)


def test_the_first_mail_waits_for_the_reader() -> None:
    """Ten minutes after the first message that is unread."""
    assert RHYTHM.due_ms(1_000, None, RHYTHM.wait_ms) == 1_000 + 10 * MINUTE


def test_the_next_mail_keeps_its_distance() -> None:
    """From the last one, and never less than the first wait."""
    assert RHYTHM.due_ms(HOUR, HOUR, 2 * HOUR) == 3 * HOUR
    assert RHYTHM.due_ms(9 * HOUR, HOUR, 2 * HOUR) == 9 * HOUR + 10 * MINUTE


@given(st.integers(0, 20))
def test_who_reads_nothing_is_left_in_peace(mails: int) -> None:
    """Each wait is twice the one before, up to a day; reading ends that."""
    interval = RHYTHM.wait_ms
    for _ in range(mails):
        interval = RHYTHM.next_interval_ms(interval, has_read=False)

    assert interval == min(24 * HOUR, 10 * MINUTE * 2**mails)
    assert RHYTHM.next_interval_ms(interval, has_read=True) == 10 * MINUTE


def test_messages_are_counted_over_all_rooms() -> None:
    """Those that are shown, and those that are only counted."""
    line = Line("Bob", "tea", 0)

    assert Digest([RoomDigest("a", "l", [line, line], 3), RoomDigest("b", "l", [line], 0)]).messages == 6
