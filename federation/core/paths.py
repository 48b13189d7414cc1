"""The request targets of the server-server API, encoded exactly as they are signed and sent."""

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias
from urllib.parse import quote, urlencode

FEDERATION_V1: Final = "/_matrix/federation/v1"
FEDERATION_V2: Final = "/_matrix/federation/v2"
KEY_V2: Final = "/_matrix/key/v2"
POLICY_V1: Final = "/_matrix/policy/v1"

Query: TypeAlias = Mapping[str, str | int | Sequence[str]]
"""A parameter's value; several values of one parameter as a sequence."""


def path_of(prefix: str, *segments: str) -> str:
    """*prefix* and the *segments*, each percent-encoded: an ID may hold any character, also ``/``."""
    return "/".join([prefix, *(quote(segment, safe="") for segment in segments)])


def target_of(path: str, query: Query) -> str:
    """The request target: *path*, and if there is one the query."""
    if not query:
        return path
    return f"{path}?{urlencode(query, doseq=True, quote_via=quote)}"
