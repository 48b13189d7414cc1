"""
Signed requests: the ``Authorization: X-Matrix`` header, and what its signature covers.

Spec: server-server-api#request-authentication
"""

import re
from typing import Final

import orjson
from attrs import frozen

from homeserver.core.canonical import JSON, JSONObject, encode_legacy, load_json
from homeserver.core.identifiers import ServerName, parse_server_name
from homeserver.core.malformed import Malformed
from homeserver.core.signatures import SigningKey, sign_json, signatures_by

SCHEME: Final = "X-Matrix"
UNAUTHORIZED: Final = "M_UNAUTHORIZED"

# Names are tokens; old servers leave quotes away also around values that hold colons and base64.
_PARAMETER = re.compile(r'[ \t]*([!#$%&\'*+.^_`|~0-9A-Za-z-]+)[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|[^",\s]*)[ \t]*(?:,|\Z)')
_TINY = re.compile(rb"0\.0000|[0-9][eE]-")
"""A number, perhaps, that the reference library writes otherwise than others: 1e-05 for 0.00001."""
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


@frozen
class RequestSignature:
    """
    What the header says.

    *destination*: None when the sender is so old that it does not name whom it speaks to.
    """

    origin: ServerName
    destination: ServerName | None
    key_id: str
    signature: str


@frozen
class Request:
    """
    A request to be signed.

    *target*: path and query as sent.  *content*: the canonical JSON of the body; None: it has none.
    """

    origin: ServerName
    destination: ServerName
    method: str
    target: str
    content: bytes | None = None


def sign_request(request: Request, key: SigningKey) -> str:
    """The value of the request's Authorization header."""
    # The body was encoded once, and is spliced as it is.
    body = None if request.content is None else orjson.Fragment(request.content)
    if request.content is not None and may_be_signed_otherwise(request.content):
        body = as_reference(load_json(request.content))
    origin, destination = request.origin, request.destination
    signed = sign_json(_signed_part(request.method, request.target, origin, destination, body), origin, key)
    signature = signatures_by(signed, origin)[key.key_id]
    return f'{SCHEME} origin="{origin}",destination="{destination}",key="{key.key_id}",sig="{signature}"'


def parse_authorization(header: str) -> RequestSignature:
    """What *header* says.  Raises Malformed with ``M_UNAUTHORIZED``."""
    scheme, _, rest = header.strip().partition(" ")
    if scheme.lower() != SCHEME.lower():
        raise Malformed(f"This request needs the authorization scheme {SCHEME}.", code=UNAUTHORIZED)
    parameters = _parse_parameters(rest)
    missing = {"origin", "key", "sig"} - parameters.keys()
    if missing:
        raise Malformed(f"The authorization lacks {', '.join(sorted(missing))}.", code=UNAUTHORIZED)
    destination = parameters.get("destination")
    return RequestSignature(
        _parse_name(parameters["origin"]),
        None if destination is None else _parse_name(destination),
        parameters["key"],
        parameters["sig"],
    )


def signed_request(
    signature: RequestSignature, method: str, target: str, destination: ServerName, content: JSON | orjson.Fragment
) -> JSONObject:
    """
    The JSON object that the sender signed, with its signature; *content*: the parsed body, None when there is none.

    Old senders that do not name the destination in the header do sign it.
    """
    request = _signed_part(method, target, signature.origin, destination, content)
    request["signatures"] = {signature.origin: {signature.key_id: signature.signature}}
    return request


def may_be_signed_otherwise(content: bytes) -> bool:
    """
    Whether *content* may hold numbers of which there is more than one way to write them.

    Events of rooms until version 5 hold them: one such message must not keep all others from a server.
    """
    return _TINY.search(content) is not None


def as_reference(content: JSON) -> orjson.Fragment:
    """The body as the reference library signs it.  Raises Malformed."""
    return orjson.Fragment(encode_legacy(content))


def _signed_part(
    method: str, target: str, origin: ServerName, destination: ServerName, content: JSON | orjson.Fragment
) -> JSONObject:
    request: JSONObject = {"method": method, "uri": target, "origin": origin, "destination": destination}
    if content is not None:
        request["content"] = content  # type: ignore[assignment]
    return request


def _parse_parameters(text: str) -> dict[str, str]:
    parameters: dict[str, str] = {}
    at = 0
    while at < len(text):
        found = _PARAMETER.match(text, at)
        if found is None:
            raise Malformed("The authorization is not a list of parameters.", code=UNAUTHORIZED)
        name, value = found[1].lower(), found[2]
        if name in parameters:
            raise Malformed(f"The authorization names {name} twice.", code=UNAUTHORIZED)
        parameters[name] = _ESCAPED.sub(r"\1", value[1:-1]) if value.startswith('"') else value
        at = found.end()
    return parameters


def _parse_name(text: str) -> ServerName:
    try:
        return parse_server_name(text)
    except Malformed as malformed:
        raise Malformed(malformed.reason, malformed.path, UNAUTHORIZED) from malformed
