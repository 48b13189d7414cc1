"""How much may be sticky."""

from attrs import field, frozen, validators


@frozen
class StickyEventSettings:
    """Events that everybody in a room is told of as long as they are sticky, as those of calls are."""

    per_sender_max: int = field(default=100, validator=validators.ge(1))
    """How many of one user are told in one room at once; what more other servers send waits."""
    told_at_once_max: int = field(default=500, validator=validators.ge(1))
    """How many one answer to a sync tells of; the next answer goes on."""
