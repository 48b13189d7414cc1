"""Bounds of sliding sync."""

from attrs import field, frozen, validators


@frozen
class SlidingSettings:
    """What is remembered of clients that sync by simplified sliding sync."""

    connections_per_device_max: int = field(default=10, validator=validators.ge(1))
    """Connections of one device; of more, those used longest ago start anew."""
    connections_kept_days: float = field(default=30.0, validator=validators.gt(0))
    """After so long without use a connection starts anew."""
    connections_cached_max: int = field(default=2_000, validator=validators.ge(1))
    """Connections whose rooms are in memory."""
