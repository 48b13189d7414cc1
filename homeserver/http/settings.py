"""Settings of the edge: where the server listens, and what it takes in."""

from pathlib import Path

from attrs import field, frozen, validators


@frozen
class TLSFiles:
    """PEM files."""

    certificate: Path
    """The certificate, followed by those between it and the authority."""
    private_key: Path
    """The private key of the certificate."""


@frozen
class ListenerSettings:
    """One address and port on which the server answers."""

    port: int = field(validator=[validators.ge(0), validators.le(65535)])
    """The TCP port; 0 takes any that is free."""
    bind: str = "127.0.0.1"
    """The address of this machine to listen on: an IPv4 or IPv6 literal. ``0.0.0.0`` and ``::`` are all of them."""
    tls: TLSFiles | None = None
    """Unset: plain HTTP, for a reverse proxy in front or for this machine alone."""
    x_forwarded_for: bool = False
    """Whether the client's address is what the header X-Forwarded-For ends on. Only behind a proxy that sets it."""

    @property
    def url(self) -> str:
        """Its address in a client's address bar; where it listens everywhere, as seen from this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.bind, self.bind)
        return f"{'http' if self.tls is None else 'https'}://{f'[{host}]' if ':' in host else host}:{self.port}"


@frozen
class HTTPSettings:
    """What the edge takes in, and for how long."""

    body_bytes_max: int = field(default=10 * 1024 * 1024, validator=validators.ge(65536))
    """The largest JSON body, in bytes; a transaction of another server may hold 50 events of 64 KiB, and more."""
    upload_bytes_max: int = field(default=50 * 1024 * 1024, validator=validators.ge(1024))
    """The largest file that a client may upload, in bytes."""
    idle_seconds: float = field(default=75.0, validator=validators.gt(0))
    """How long a connection may stay silent between and inside requests."""
    drain_seconds: float = field(default=10.0, validator=validators.ge(0))
    """How long a stopping server waits for requests that it has accepted."""
