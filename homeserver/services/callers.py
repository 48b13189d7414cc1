"""Who asks: the account behind an access token, and where the request came from."""

from attrs import frozen

from homeserver.core.identifiers import DeviceID, UserID
from homeserver.core.rate_overrides import RateOverrides


@frozen
class RequestInfo:
    """Where a request came from, as far as the edge can tell."""

    client_ip: str
    """An IP literal; behind a trusted proxy what the proxy says, else the other end of the connection."""
    user_agent: str
    """Empty when the client names none."""


@frozen
class Caller:
    """The account that a request speaks for."""

    user_id: UserID
    device_id: DeviceID | None
    """None: an application service that speaks for a user without a device."""
    is_guest: bool = False
    is_admin: bool = False
    appservice_id: str | None = None
    """None: an ordinary client."""
    is_rate_limited: bool = True
    """False: an application service whose registration says so."""
    is_locked: bool = False
    """The account may do nothing but log out.  Spec: client-server-api#account-locking"""
    has_expired: bool = False
    """The account has ended, which is why it is locked."""
    is_suspended: bool = False
    """The account may look, but not act.  Spec: client-server-api#account-suspension"""
    limits: RateOverrides | None = None
    """The account's own rate limits; None: it has everybody's."""
