"""A request as the edge hands it on: what is in it is parsed when it is asked for, and once."""

from typing import BinaryIO, cast
from urllib.parse import unquote_plus

from attrs import frozen
from twisted.web.http import Request

from homeserver.core.canonical import JSON, parse_json
from homeserver.core.malformed import Malformed
from homeserver.services.callers import RequestInfo

QUERY_PARAMETERS_MAX = 200


@frozen
class Upload:
    """A body that is not JSON.  *content* is the reader's to close, and outlives the connection."""

    content: BinaryIO
    length: int
    type: str | None
    """As the client says."""


class Incoming:
    """One request."""

    __slots__ = ("_body", "_json", "_query", "_request", "client_ip")

    def __init__(self, request: Request, client_ip: str) -> None:
        self._request = request
        self._query: dict[str, list[str]] | None = None
        self._body: bytes | None = None
        self._json: JSON = None
        self.client_ip = client_ip

    @property
    def method(self) -> str:
        return self._request.method.decode("ascii", "replace")

    @property
    def uri(self) -> bytes:
        """Path and query as they came: what a server's signature covers."""
        return self._request.uri

    @property
    def info(self) -> RequestInfo:
        """Where the request came from."""
        return RequestInfo(self.client_ip, self.header(b"user-agent") or "")

    def header(self, name: bytes) -> str | None:
        """The last header of that name (lower case); None when there is none."""
        values = self.headers(name)
        return values[-1] if values else None

    def headers(self, name: bytes) -> list[str]:
        """All headers of that name (lower case), in order."""
        values = self._request.requestHeaders.getRawHeaders(name)
        return [value.decode("utf-8", "replace").replace("\0", "") for value in values] if values else []

    @property
    def query(self) -> dict[str, list[str]]:
        """Query parameters, decoded; those given twice have two values.  Raises Malformed."""
        if self._query is None:
            _, _, text = self._request.uri.partition(b"?")
            self._query = _parse_query(text) if text else {}
        return self._query

    def body(self) -> bytes:
        """The whole body."""
        if self._body is None:
            assert self._request.content is not None, "an upload is read by its endpoint"
            self._body = self._request.content.read()
        return self._body

    def json(self) -> JSON:
        """The body as JSON; no body at all counts as ``{}``.  Raises Malformed."""
        if self._json is None:
            text = self.body()
            self._json = parse_json(text) if text else {}
        return self._json

    def require_body(self) -> None:
        """For what is free-form, where no body at all must not count as ``{}``.  Raises Malformed."""
        if not self.body():
            raise Malformed("There is no body.", "", "M_NOT_JSON")

    def form(self) -> dict[str, str]:
        """The body as a page's form, decoded; of fields given twice the first.  Raises Malformed."""
        return {name: values[0] for name, values in _parse_query(self.body()).items()}

    def upload(self) -> Upload:
        """The body as a file; from then on it is the caller's."""
        content = cast(BinaryIO, self._request.content)
        self._request.content = None
        length = content.seek(0, 2)
        content.seek(0)
        return Upload(content, length, self.header(b"content-type"))


def _parse_query(text: bytes) -> dict[str, list[str]]:
    parts = text.split(b"&")
    if len(parts) > QUERY_PARAMETERS_MAX:
        raise Malformed("There are too many parameters.", code="M_INVALID_PARAM")
    query: dict[str, list[str]] = {}
    for part in parts:
        if part:
            name, _, value = part.partition(b"=")
            query.setdefault(_decode(name), []).append(_decode(value))
    return query


def _decode(text: bytes) -> str:
    try:
        if b"%" in text or b"+" in text:
            return unquote_plus(text.decode("ascii"), errors="strict")
        return text.decode()
    except UnicodeDecodeError as error:
        raise Malformed("This is not in UTF-8.", code="M_INVALID_PARAM") from error
