"""
The one log: every durable change that a client or peer can see has a position in it.

Positions are gap-free and totally ordered; a reader that sees head N sees everything up to N.
"""

from typing import Final, NewType

from attrs import frozen

Position = NewType("Position", int)

EVENT: Final = "event"
"""subject: room ID; ref: the event's nid; None: the nid is the position."""
STORED: Final = "stored"
"""
subject: room ID; ref: the event's nid; None: the nid is the position.  An event that syncs do not tell of: one that
clients do not see, or older history.
"""
RELAY: Final = "relay"
"""subject: room ID; ref: the nid of an event of another server's user that entered the room through this server."""
REDACTED: Final = "redacted"
"""subject: the event ID of what was redacted."""
STATE: Final = "state"
"""subject: room ID; current state changed by resolution, without a timeline event of its own."""
MEMBERSHIP: Final = "membership"
"""subject: user ID; ref: room nid; a local user's membership changed."""
REMOTE_MEMBERSHIP: Final = "remote_membership"
"""subject: user ID of another server; ref: room nid; the user has come into the room, or is in it no more."""
RECEIPT: Final = "receipt"
"""subject: room ID."""
ACCOUNT_DATA: Final = "account_data"
"""subject: user ID."""
PUSH_RULES: Final = "push_rules"
"""subject: user ID."""
PUSHERS: Final = "pushers"
"""subject: user ID."""
TO_DEVICE: Final = "to_device"
"""subject: user ID."""
DEVICE_LIST: Final = "device_list"
"""subject: user ID, local or remote; ref: none."""
KEY_SIGNATURES: Final = "key_signatures"
"""subject: user ID, local; the user has signed keys of others, which the user alone may see."""
ONE_TIME_KEYS: Final = "one_time_keys"
"""subject: user ID; the one-time or fallback keys of a local device changed."""
PROFILE: Final = "profile"
"""subject: user ID."""
ACCOUNT: Final = "account"
"""subject: user ID, local; an administrator changed what the account may do."""
THREAD_SUBSCRIPTION: Final = "thread_subscription"
"""subject: user ID; ref: room nid; the user has subscribed to a thread, or unsubscribed from it."""
OUTBOX: Final = "outbox"
"""subject: server name; something was queued for that destination."""
JOB: Final = "job"
"""subject: empty; a job was queued together with something else."""
ALIASES: Final = "aliases"
"""subject: room ID; an alias of this server points there, or not any more."""
ROOM_CLOSED: Final = "room_closed"
"""subject: room ID; ref: why nobody comes into it any more (1: blocked, 2: being deleted, 3: both), 0: it is open."""
FORGOTTEN: Final = "forgotten"
"""subject: room ID; ref: room nid; this server deletes the room, or has: nothing that is in memory of it is good."""
PURGED: Final = "purged"
"""subject: room ID; ref: room nid; some of the room's messages are gone."""
GONE: Final = "gone"
"""subject: empty; what stood here was of a room that was deleted."""


@frozen
class LogEntry:
    """One change: what kind it is, and whose (a room, a user or a server)."""

    position: Position
    kind: str
    subject: str
    ref: int | None = None

    @property
    def event_nid(self) -> int:
        """The nid of the event that an ``event`` or ``stored`` is about: what is new has its position for one."""
        return self.position if self.ref is None else self.ref
