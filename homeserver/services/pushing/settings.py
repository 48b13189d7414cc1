"""Settings of push notifications."""

from attrs import field, frozen, validators


@frozen
class PushSettings:
    """Push notifications: what the push gateways that users' apps name are told."""

    allow_http: bool = False
    """Whether gateways may be named by http://, unencrypted. They may in any case where outbound.verify_tls is off."""
    include_content: bool = True
    """Whether gateways are told what was said, where an app does not ask for event IDs alone."""
    pushers_max: int = field(default=100, validator=validators.ge(1))
    """How many pushers one account may have."""
    retry_min_seconds: float = field(default=1.0, validator=validators.gt(0))
    """How long after a failure a gateway is tried again; each further wait is twice as long."""
    retry_max_seconds: float = field(default=1800.0, validator=validators.gt(0))
    """The longest of these waits."""
    give_up_seconds: float = field(default=86400.0, validator=validators.gt(0))
    """After failing for so long, what waits for a gateway is skipped; what comes later is tried anew."""
