"""Settings of the network of servers."""

from pathlib import Path
from typing import Any

from attrs import Attribute, Factory, field, frozen, validators

from homeserver.core.identifiers import ServerName, parse_server_name
from homeserver.core.malformed import Malformed


def _are_server_names(_: Any, attribute: "Attribute[Any]", names: tuple[ServerName, ...]) -> None:
    for name in names:
        try:
            parse_server_name(name)
        except Malformed as malformed:
            raise ValueError(f"{attribute.name}: {malformed.reason}") from malformed


@frozen
class RetrySettings:
    """When a server that did not answer is tried again: the wait doubles with each failure."""

    min_seconds: float = field(default=10.0, validator=validators.gt(0))
    """The wait after the first failure."""
    max_seconds: float = field(default=3600.0, validator=validators.gt(0))
    """The longest wait. A server that sends something itself is tried again at once."""


@frozen
class FederationSettings:
    """How this server meets others."""

    ca_file: Path | None = None
    """Certificates (PEM) of authorities to trust beside those of the operating system."""
    allow_private_addresses: bool = False
    """Whether servers with loopback and private addresses are reached. Only for servers inside one network."""
    trusted_key_servers: tuple[ServerName, ...] = field(default=(), validator=_are_server_names)
    """Servers asked, in this order, for the keys of servers that cannot be asked themselves."""
    retry: RetrySettings = Factory(RetrySettings)
    """When servers that do not answer are tried again."""
    connect_timeout_seconds: float = field(default=10.0, validator=validators.gt(0))
    """How long one attempt to connect may take."""
    request_timeout_seconds: float = field(default=60.0, validator=validators.gt(0))
    """How long another server may take to answer."""
    response_bytes_max: int = field(default=128 * 1024 * 1024, validator=validators.ge(1 << 20))
    """How large an answer may be: joining a room brings its whole state at once."""
    requests_per_destination_max: int = field(default=20, validator=validators.ge(1))
    """Requests under way at one server at once; more wait."""
    catch_up_after_seconds: float = field(default=900.0, validator=validators.ge(0))
    """After a longer outage a server is sent the latest event of each room only, and fetches what lies before."""
    queued_edus_max: int = field(default=10_000, validator=validators.ge(100))
    """Messages to devices, receipts and the like that wait for one server; beyond it the oldest are dropped."""
    keys_cached_max: int = field(default=10_000, validator=validators.ge(1))
    """Servers whose keys are held in memory."""
