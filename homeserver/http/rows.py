"""What the spec says about an operation, as one row of facts; ``spec.py`` holds the rows."""

import re
from enum import Enum

from attrs import frozen

_PARAMETER = re.compile(r"{(\w+)}")


class Authentication(Enum):
    """How a request shows whom it speaks for."""

    NONE = "none"
    ACCESS_TOKEN = "access_token"
    OPTIONAL_ACCESS_TOKEN = "optional_access_token"
    APPSERVICE_TOKEN = "appservice_token"
    SERVER_SIGNATURE = "server_signature"
    SERVER_ADMIN = "server_admin"
    """An access token of an administrator of this server."""


class Body(Enum):
    """What a request carries."""

    NONE = "none"
    JSON = "json"
    BYTES = "bytes"


@frozen
class Query:
    """One query parameter."""

    name: str
    type: str = "string"
    """``string``, ``integer``, ``boolean``, ``array`` (of strings, by repetition) or ``object`` (all parameters)."""
    required: bool = False
    about: str = ""
    """What it means, where no specification says it."""


@frozen
class Row:
    """One operation."""

    api: str
    """``client-server`` or ``server-server``; for what no spec release has, the name of the proposal: ``msc3814``."""
    id: str
    method: str
    path: str
    """From the root, with ``{camelCase}`` parameters."""
    authentication: Authentication
    rate_limited: bool = False
    query: tuple[Query, ...] = ()
    body: Body = Body.NONE
    since: str = "1.0"
    """The version of the spec that added it."""
    limited_as: str | None = None
    """The setting of rate_limits that limits it, where no table names it."""
    guests_may: bool = False
    """Guests may do it, where no table names it."""
    twins: tuple[str, ...] = ()
    """Other paths of the same, where no table names them."""
    request_headers: tuple[str, ...] = ()
    """Headers that pages in browsers may send with it, beside those that they may send everywhere."""

    @property
    def name(self) -> str:
        """The key that no two rows share: ``client-server/postReceipt``."""
        return f"{self.api}/{self.id}"

    @property
    def path_parameters(self) -> tuple[str, ...]:
        return tuple(_PARAMETER.findall(self.path))


def snake_case(name: str) -> str:
    """The spec's parameter name as a Python name: ``roomIdOrAlias`` is ``room_id_or_alias``."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()
