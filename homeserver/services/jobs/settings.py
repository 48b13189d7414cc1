"""Settings of background jobs."""

from attrs import field, frozen, validators


@frozen
class JobSettings:
    """Long work in the background, such as deleting large rooms."""

    at_once: int = field(default=2, validator=[validators.ge(1), validators.le(16)])
    """How many jobs one process works on at a time."""
    step_ms: float = field(default=25.0, validator=[validators.ge(1), validators.le(500)])
    """How long one step of a job should keep others from writing, in milliseconds."""
    rest: float = field(default=1.0, validator=[validators.ge(0), validators.le(100)])
    """How long a job rests after a step, as a multiple of the time that the step took."""
    kept_days: float = field(default=90.0, validator=validators.gt(0))
    """For so long jobs that are over are listed."""
