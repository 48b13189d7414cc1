"""How application services are told what happens."""

from attrs import field, frozen, validators


@frozen
class AppserviceTrafficSettings:
    """How application services are told what happens."""

    timeout_seconds: float = field(default=60.0, validator=validators.gt(0))
    """How long an application service may take over one transaction before it is sent again."""
    query_timeout_seconds: float = field(default=10.0, validator=validators.gt(0))
    """How long it may take to answer a question, while somebody waits for it."""
    retry_min_seconds: float = field(default=1.0, validator=validators.gt(0))
    """How soon one that did not answer is tried again; each time twice as long."""
    retry_max_seconds: float = field(default=300.0, validator=validators.gt(0))
    """The longest wait between two tries."""
    events_max: int = field(default=100, validator=validators.in_(range(1, 1_001)))
    """How many events one transaction holds."""
