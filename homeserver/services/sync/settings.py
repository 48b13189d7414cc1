"""Bounds of a sync."""

from attrs import field, frozen, validators


@frozen
class SyncSettings:
    """How much a sync gives, and how long it waits."""

    timeline_default: int = field(default=20, validator=validators.ge(1))
    """Events of a room's timeline in one sync when the client does not say how many."""
    timeline_max: int = field(default=500, validator=validators.ge(1))
    """Events of a room's timeline in one sync at the utmost."""
    timeout_max_seconds: float = field(default=300.0, validator=validators.gt(0))
    """The longest that a sync waits for news, whatever the client asks for."""
    entries_max: int = field(default=20_000, validator=validators.ge(0))
    """Changes of the whole server since a client's last sync up to which they are looked through one by one; past that
    each of the user's rooms is asked."""
    sent_members_max: int = field(default=5_000, validator=validators.ge(1))
    """Members whose names a device is known to have, with lazy loading; those sent earliest are forgotten first."""
    devices_max: int = field(default=5_000, validator=validators.ge(1))
    """Devices whose known members are remembered; those that synced longest ago are forgotten first."""
