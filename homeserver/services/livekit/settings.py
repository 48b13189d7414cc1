"""What is set about this server's own LiveKit cluster."""

from typing import Any

from attrs import Attribute, field, frozen, validators


def _is_websocket(_: Any, attribute: "Attribute[str]", url: str) -> None:
    if not url.startswith(("wss://", "ws://")):
        raise ValueError(f"{attribute.name} must start with wss:// or ws://")


@frozen
class LiveKitSettings:
    """This server's own LiveKit cluster, to which it lets users in itself."""

    url: str = field(validator=_is_websocket)
    """Where users' clients connect to it."""
    api_key: str = field(validator=validators.min_len(1))
    """The name of one of the cluster's keys."""
    api_secret: str = field(validator=validators.min_len(32), repr=False)
    """That key, of 32 characters or more."""
    token_seconds: int = field(default=3600, validator=[validators.ge(60), validators.le(86_400)])
    """How long a client may take to come in, or to come back, in seconds; 60 to 86400."""
