"""
Digests: mail that tells what is unread, and when it is due.

The first unread message starts a wait, in which it may still be read; then a mail tells of all that has come.  Who
reads nothing of what mail told is told less and less often; who reads is told as soon as the first time.
"""

from collections.abc import Sequence

from attrs import field, frozen, validators


@frozen
class Rhythm:
    """How often one user is written to."""

    wait_ms: int = field(validator=validators.gt(0))
    """From the first unread message to the mail."""
    interval_max_ms: int = field(validator=validators.gt(0))
    """From one mail to the next, to who reads nothing."""

    def due_ms(self, now_ms: int, sent_ms: int | None, interval_ms: int) -> int:
        """When a mail is due whose first message came now; *interval_ms*: after the last one."""
        soonest = now_ms + self.wait_ms
        return soonest if sent_ms is None else max(soonest, sent_ms + interval_ms)

    def next_interval_ms(self, interval_ms: int, *, has_read: bool) -> int:
        """How long after this mail the next one is due at the soonest; *has_read*: what the last one told."""
        if has_read:
            return self.wait_ms
        return min(self.interval_max_ms, max(self.wait_ms, interval_ms * 2))


@frozen
class Line:
    """One message; *text* None: what it says is not for mail."""

    sender: str
    text: str | None
    ts: int


@frozen
class RoomDigest:
    """What is unread of one room, oldest first; *more*: how many came before these."""

    name: str
    link: str
    lines: Sequence[Line]
    more: int
    is_highlighted: bool = False


@frozen
class Invite:
    """An invite to a room that waits for an answer."""

    sender: str
    room_name: str | None
    """None: the room shows no name."""
    link: str


@frozen
class Digest:
    """What is unread, the room where something was said last first; and invites, the newest first."""

    rooms: Sequence[RoomDigest]
    more_rooms: int = 0
    invites: Sequence[Invite] = ()

    @property
    def messages(self) -> int:
        """How many there are."""
        return sum(len(room.lines) + room.more for room in self.rooms)
