"""
What is served beside the spec, as a fuzzer wants it.

The operations of proposals, and pages, come from the endpoints' own rows; those of administrators from the description
that the server itself serves.
"""

import inspect
import json
import pkgutil
from collections.abc import Iterator, Mapping
from http.client import HTTPConnection
from importlib import import_module
from typing import Any, Final

from attrs import evolve

import e2ee.http.client
import homeserver.http.client
from homeserver.core.canonical import JSONObject
from homeserver.http.admin.rows import API as ADMIN
from homeserver.http.admin.rows import PREFIX
from homeserver.http.admin.schemas import Schemas
from homeserver.http.operation import Endpoint, bindings_of
from homeserver.http.rows import Authentication, Body, Query, Row
from scripts.endurance.schemas import REFERENCES_MAX, Operation, Schema
from scripts.laboratory.homeservers import Homeserver
from scripts.laboratory.processes import PATIENCE_SECONDS

SPECIFIED: Final = frozenset({"client-server", "server-server", ADMIN})
_PACKAGES: Final = (homeserver.http.client, e2ee.http.client)
_ANYTHING: Final[Schema] = {"type": "object"}
_TEXTS: Final[Schema] = {"type": "array", "items": {"type": "string"}}
_YES_OR_NO: Final[Schema] = {"type": "boolean"}
_NUMBER: Final[Schema] = {"type": "integer"}
_LOOK: Final[Schema] = {
    "timeline_limit": _NUMBER,
    "required_state": {
        "anyOf": [
            {"type": "array", "items": {"enum": [["*", "*"], ["m.room.member", "$LAZY"], ["m.room.name", ""], ["x"]]}},
            {"type": "object", "properties": {"include": {"type": "array", "items": {"type": "object"}}}},
        ]
    },
}
_FILTERS: Final[Schema] = {
    **dict.fromkeys(("is_dm", "is_encrypted", "is_invite"), _YES_OR_NO),
    **dict.fromkeys(("spaces", "room_types", "not_room_types", "tags", "not_tags"), _TEXTS),
}
_EXTENSION: Final[Schema] = {
    "type": "object",
    "properties": {
        "enabled": _YES_OR_NO,
        "since": {"type": "string"},
        "limit": _NUMBER,
        "lists": _TEXTS,
        "rooms": _TEXTS,
    },
}
_SLIDING: Final[Schema] = {
    "type": "object",
    "properties": {
        "conn_id": {"type": "string"},
        # A request that waits is no fault, but a run has no time for it.
        "timeout": {"enum": [0, 1, -1, 0.5, "0"]},
        "pos": {"type": "string"},
        "set_presence": {"type": "string"},
        "lists": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "properties": {
                    **_LOOK,
                    "ranges": {"type": "array", "items": {"enum": [[0, 9], [5, 2], [0, 2**60], [-1, 1], [], 3]}},
                    "range": {"enum": [[0, 1], [1, 0]]},
                    "filters": {"type": "object", "properties": _FILTERS},
                },
            },
        },
        "room_subscriptions": {
            "type": "object",
            "additionalProperties": {"type": "object", "properties": _LOOK, "x-pattern": "roomId"},
        },
        "extensions": {
            "type": "object",
            "properties": dict.fromkeys(
                ("to_device", "e2ee", "account_data", "receipts", "typing", "thread_subscriptions", "x"), _EXTENSION
            ),
        },
    },
}
_BODIES: Final[Mapping[str, Schema]] = {"slidingSync": _SLIDING, "slidingSyncUnstable": _SLIDING}
"""Where an endpoint takes the JSON as it is, and its parser alone knows what belongs there."""

_SENT_LATER: Final = (Query("org.matrix.msc4140.delay", "integer"),)
_STICKY: Final = (Query("org.matrix.msc4354.sticky_duration_ms", "integer"),)
PROPOSED_QUERY: Final[Mapping[str, tuple[Query, ...]]] = {
    "sendMessage": (*_SENT_LATER, *_STICKY),
    "setRoomStateWithKey": (*_SENT_LATER, *_STICKY),
    "getOneRoomEvent": (Query("fi.mau.msc2815.include_unredacted_content", "boolean"),),
    "sync": (Query("org.matrix.msc4222.use_state_after", "boolean"),),
}
"""What proposals add to operations of the spec."""


def proposed_operations() -> list[Operation]:
    """Every operation of a proposal, and every page; at each of its paths."""
    found = [operation for class_ in _endpoint_classes() for operation in _operations_of(class_)]
    return sorted(found, key=lambda operation: (operation.row.name, operation.row.path))


def with_proposals(operation: Operation) -> Operation:
    """An operation of the spec as proposals have it."""
    more = PROPOSED_QUERY.get(operation.row.id, ())
    return Operation(evolve(operation.row, query=(*operation.row.query, *more)), operation.schema)


def described_operations(server: Homeserver) -> list[Operation]:
    """Every operation of the server's administration; none where it has no such."""
    connection = HTTPConnection(server.place.host, server.place.client_port, timeout=PATIENCE_SECONDS)
    try:
        connection.request("GET", f"{PREFIX}/openapi.json")
        response = connection.getresponse()
        document = json.loads(response.read())
    finally:
        connection.close()
    if response.status != 200:
        return []
    return [
        _described(path, method.upper(), operation, document)
        for path, item in document["paths"].items()
        for method, operation in item.items()
    ]


def _endpoint_classes() -> Iterator[type]:
    for package in _PACKAGES:
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            module = import_module(info.name)
            for _, class_ in inspect.getmembers(module, inspect.isclass):
                if class_.__module__ == module.__name__:
                    yield class_


def _operations_of(class_: type) -> Iterator[Operation]:
    for binding, endpoint in bindings_of(class_):
        for row in binding.rows:
            if row.api not in SPECIFIED:
                schema = _BODIES.get(row.id) or _schema_of(endpoint) if row.body is Body.JSON else None
                for path in (row.path, *row.twins):
                    yield Operation(_at(row, path), schema)


def _at(row: Row, path: str) -> Row:
    id_ = row.id if path == row.path else f"{row.id} at {path}"
    return evolve(row, id=id_, path=path)


def _schema_of(endpoint: Endpoint) -> Schema:
    """What the body of a request looks like; anything, where its class does not say."""
    schemas = Schemas()
    try:
        schema = schemas.of(inspect.get_annotations(endpoint)["body"])
    except TypeError:
        return _ANYTHING
    whole: Schema = _whole(schema, {"components": {"schemas": schemas.components}}, REFERENCES_MAX)
    return whole


def _described(path: str, method: str, operation: JSONObject, document: JSONObject) -> Operation:
    described: Any = operation
    query = tuple(
        Query(parameter["name"], parameter["schema"].get("type", "string"), parameter["required"])
        for parameter in described.get("parameters", ())
        if parameter["in"] == "query"
    )
    content = described.get("requestBody", {}).get("content", {}).get("application/json")
    row = Row(
        ADMIN,
        described["operationId"],
        method,
        path,
        Authentication.SERVER_ADMIN if "security" in described else Authentication.NONE,
        query=query,
        body=Body.NONE if content is None else Body.JSON,
    )
    return Operation(row, None if content is None else _whole(content["schema"], document, REFERENCES_MAX))


def _whole(node: Any, document: Mapping[str, Any], depth: int) -> Any:
    """*node* with its references replaced by what they refer to; an empty schema below the last one followed."""
    if isinstance(node, list):
        return [_whole(child, document, depth) for child in node]
    if not isinstance(node, dict):
        return node
    reference = node.get("$ref")
    if isinstance(reference, str):
        if depth == 0:
            return {}
        target: Any = document
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]
        return _whole(target, document, depth - 1)
    return {key: _whole(child, document, depth) for key, child in node.items()}
