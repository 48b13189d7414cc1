"""How far ahead, and how many, events may be scheduled."""

from attrs import field, frozen, validators


@frozen
class DelayedEventSettings:
    """Events that clients schedule to be sent later."""

    delay_max_seconds: float = field(default=2_678_400.0, validator=validators.gt(0))
    """How far ahead an event may be scheduled, in seconds; 31 days unless it is set."""
    scheduled_max: int = field(default=100, validator=validators.ge(0))
    """How many events one user may have scheduled at once; 0: nobody schedules any."""
    finalised_kept: int = field(default=1_000, validator=validators.ge(1))
    """How many of a user's events that were sent or canceled can be looked up."""
    finalised_kept_days: float = field(default=7.0, validator=validators.gt(0))
    """For how many days they can be."""

    @property
    def delay_max_ms(self) -> int:
        """The longest delay."""
        return int(self.delay_max_seconds * 1000)
