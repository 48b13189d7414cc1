"""
An endpoint is a coroutine method that is bound to the spec's own table by its operation ID.

    @frozen
    class ReceiptEndpoints:
        \"""Receipts.  Spec: client-server-api#receipts.\"""

        receipts: Receipts

        @operation("postReceipt")
        async def post_receipt(
            self, caller: Caller, room_id: RoomID, receipt_type: ReceiptType, event_id: EventID, body: ReceiptBody
        ) -> Empty:
            \"""Move the caller's receipt of one type to an event.  Raises NotInRoom, WrongThread.\"""
            await self.receipts.advance(Receipt(room_id, receipt_type, caller.user_id, event_id, body.thread_id))
            return Empty()

Method, path, authentication and rate limit come from the row of that ID (``server_operation`` for the server-server
API; a ``Row`` of one's own for a proposal).  The signature says the rest, and is held against the row at import:

- path and query parameters by the spec's name in snake_case (``from`` and other words of Python with an underscore at
  the end); all of them, typed as ``parameters.parser_of`` knows.  What the spec requires has no default; what it does
  not require has one.  ``list[X]`` takes a repeated query parameter.
- ``caller: Caller`` where an access token is required, ``caller: Caller | None`` where it is optional;
  ``origin: ServerName`` where a server signs.  Leaving a required one out still authenticates.
- ``body: T`` where the row has a body: an attrs class or what else ``bodies.body_parser`` knows; ``JSONObject`` for
  what is free-form; ``Upload`` for what is not JSON.
- ``info: RequestInfo``, and ``incoming: Incoming`` for what nothing above can say.

What it answers is said in ``replies.py``.  What it raises is said in ``errors.py``.
"""

import inspect
import types
import typing
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final, TypeAlias, TypeVar

from attrs import evolve, field, frozen

from homeserver.core.identifiers import ServerName
from homeserver.core.malformed import Malformed
from homeserver.http import spec
from homeserver.http.bodies import body_parser
from homeserver.http.incoming import Incoming, Upload
from homeserver.http.parameters import Parser, item_of, parser_of
from homeserver.http.rows import Authentication, Body, Query, Row, snake_case
from homeserver.services.callers import Caller, RequestInfo

Endpoint: TypeAlias = Callable[..., Coroutine[Any, Any, object]]
E = TypeVar("E", bound=Endpoint)

Source: TypeAlias = Callable[[Incoming, object, tuple[str, ...]], object]
"""One argument from the request, from whom it speaks for, and from the path's values in the order of the row."""

_OPERATION: Final = "operation"


@frozen
class Binding:
    """An endpoint bound to its rows; those share method and path."""

    rows: tuple[Row, ...]
    sources: tuple[Source, ...] = field(repr=False)
    """One a parameter of the signature, in its order."""
    long_poll: bool
    """Waits for something: cancelled when the client leaves.  Nothing that writes is."""

    asks_who: bool = True
    """False: no token is needed and the endpoint does not ask whose it is, so that a bad one does no harm."""

    @property
    def row(self) -> Row:
        return self.rows[0]

    def arguments(self, incoming: Incoming, speaker: object, path_values: tuple[str, ...]) -> list[object]:
        """The arguments of the endpoint, in order.  Raises Malformed."""
        return [source(incoming, speaker, path_values) for source in self.sources]


def operation(*operations: str | Row, long_poll: bool = False) -> Callable[[E], E]:
    """
    Binds a coroutine method to an operation of the client-server API, or of a proposal when given its ``Row``.

    Several IDs: operations that the spec tells apart by their bodies or queries only, with one method and path.
    """
    rows = tuple(spec.CLIENT[each] if isinstance(each, str) else each for each in operations)
    return lambda endpoint: _bound(endpoint, rows, long_poll)


def server_operation(*operations: str | Row) -> Callable[[E], E]:
    """Binds a coroutine method to an operation of the server-server API."""
    rows = tuple(spec.SERVER[each] if isinstance(each, str) else each for each in operations)
    return lambda endpoint: _bound(endpoint, rows, long_poll=False)


def endpoints_of(endpoints: object) -> Iterator[tuple[Binding, Endpoint]]:
    """The bound methods of an object, each with its binding."""
    for binding, method in bindings_of(type(endpoints)):
        yield binding, getattr(endpoints, method.__name__)


def bindings_of(class_: type) -> Iterator[tuple[Binding, Endpoint]]:
    """The methods of a class that are bound to operations, each with its binding."""
    for _, member in inspect.getmembers(class_, inspect.isfunction):
        binding = getattr(member, _OPERATION, None)
        if binding is not None:
            yield binding, member


def _bound(endpoint: E, rows: tuple[Row, ...], long_poll: bool) -> E:
    try:
        binding = Binding(rows, _sources(endpoint, rows), long_poll, _asks_who(endpoint, rows[0]))
    except TypeError as error:
        raise TypeError(f"{endpoint.__qualname__} does not fit {rows[0].name}: {error}") from error
    setattr(endpoint, _OPERATION, binding)
    return endpoint


def _asks_who(endpoint: Endpoint, row: Row) -> bool:
    if row.authentication is Authentication.OPTIONAL_ACCESS_TOKEN:
        return "caller" in inspect.get_annotations(endpoint)
    return row.authentication is not Authentication.NONE


def _sources(endpoint: Endpoint, rows: tuple[Row, ...]) -> tuple[Source, ...]:
    if not inspect.iscoroutinefunction(endpoint):
        raise TypeError("it is not a coroutine function")
    if len({(row.method, row.path, row.authentication) for row in rows}) != 1:
        raise TypeError("operations bound together share method, path and authentication")
    hints = inspect.get_annotations(endpoint)
    known = _known_sources(rows)
    sources = []
    for parameter in list(inspect.signature(endpoint).parameters.values())[1:]:
        name = parameter.name if parameter.name in known else parameter.name.rstrip("_")
        if name not in known:
            raise TypeError(f"there is no parameter {parameter.name}; there are {', '.join(known)}")
        if isinstance(hints.get(parameter.name, ""), str):
            raise TypeError(f"{parameter.name} has no annotation, or one in quotes")
        sources.append(known.pop(name)(hints[parameter.name], parameter.default))
    forgotten = known.keys() - {"caller", "origin", "info", "incoming"}
    if forgotten:
        raise TypeError(f"{', '.join(sorted(forgotten))} must be in its signature")
    return tuple(sources)


_Declared: TypeAlias = Callable[[Any, Any], Source]
"""The source for an annotation and a default (``inspect.Parameter.empty``: none).  Raises TypeError."""


def _known_sources(rows: tuple[Row, ...]) -> dict[str, _Declared]:
    """What a signature may, or must, name."""
    row = rows[0]
    known: dict[str, _Declared] = {}
    for index, name in enumerate(row.path_parameters):
        known[snake_case(name)] = _path_source(name, index)
    for query in {query.name: query for each in rows for query in each.query}.values():
        # What only one of several operations requires tells that one from the others.
        is_required = all(query in each.query for each in rows)
        known[snake_case(query.name)] = _query_source(query if is_required else evolve(query, required=False))
    if any(each.body is not Body.NONE for each in rows):
        known["body"] = _body_source(row.body)
    if row.authentication is Authentication.SERVER_SIGNATURE:
        known["origin"] = _speaker_source(ServerName)
    elif row.authentication is Authentication.OPTIONAL_ACCESS_TOKEN:
        known["caller"] = _speaker_source(Caller | None)
    elif row.authentication is not Authentication.NONE:
        known["caller"] = _speaker_source(Caller)
    known["info"] = _exactly(RequestInfo, lambda incoming, _, __: incoming.info)
    known["incoming"] = _exactly(Incoming, lambda incoming, _, __: incoming)
    return known


def _path_source(name: str, index: int) -> _Declared:
    def declared(annotation: Any, default: Any) -> Source:
        if default is not inspect.Parameter.empty:
            raise TypeError(f"{name} is in the path and needs no default")
        parse = _named(parser_of(annotation), name)
        return lambda _, __, path_values: parse(path_values[index])

    return declared


def _query_source(query: Query) -> _Declared:
    def declared(annotation: Any, default: Any) -> Source:
        if query.required and default is not inspect.Parameter.empty:
            raise TypeError(f"the spec requires {query.name}: it needs no default")
        if query.type == "object":
            return _all_parameters
        if not query.required and default is inspect.Parameter.empty:
            if not _takes_none(annotation):
                raise TypeError(f"the spec does not require {query.name}: it needs a default")
            default = None
        item = item_of(annotation)
        if (item is not None) != (query.type == "array"):
            raise TypeError(f"{query.name} is a list if and only if the spec says array")
        if item is not None:
            return _repeated(query, _named(parser_of(item), query.name), default)
        return _single(query, _named(parser_of(annotation), query.name), default)

    return declared


def _single(query: Query, parse: Parser, default: object) -> Source:
    name, required = query.name, query.required

    def source(incoming: Incoming, _: object, __: tuple[str, ...]) -> object:
        values = incoming.query.get(name)
        if values:
            return parse(values[0])
        if required:
            raise Malformed("This query parameter is required.", name, "M_MISSING_PARAM")
        return default

    return source


def _repeated(query: Query, parse: Parser, default: object) -> Source:
    name, required = query.name, query.required

    def source(incoming: Incoming, _: object, __: tuple[str, ...]) -> object:
        values = incoming.query.get(name)
        if values:
            return [parse(value) for value in values]
        if required:
            raise Malformed("This query parameter is required.", name, "M_MISSING_PARAM")
        return list(default) if default else []  # type: ignore[call-overload]

    return source


def _all_parameters(incoming: Incoming, _: object, __: tuple[str, ...]) -> dict[str, str]:
    return {name: values[0] for name, values in incoming.query.items() if name != "access_token"}


def _body_source(body: Body) -> _Declared:
    def declared(annotation: Any, default: Any) -> Source:
        if default is not inspect.Parameter.empty:
            raise TypeError("the body needs no default: none at all counts as {}")
        if (annotation is Upload) != (body is Body.BYTES):
            raise TypeError("the body is an Upload if and only if the spec says that it is not JSON")
        if annotation is Upload:
            return lambda incoming, _, __: incoming.upload()
        parse = body_parser(annotation)
        return lambda incoming, _, __: parse(incoming.json())

    return declared


def _speaker_source(expected: Any) -> _Declared:
    return _exactly(expected, lambda _, speaker, __: speaker)


def _exactly(expected: Any, source: Source) -> _Declared:
    def declared(annotation: Any, default: Any) -> Source:
        if annotation != expected or default is not inspect.Parameter.empty:
            raise TypeError(f"it wants {expected} without a default where it has {annotation}")
        return source

    return declared


def _named(parse: Parser, name: str) -> Parser:
    """*parse*, whose complaints name the parameter."""

    def parse_named(text: str) -> object:
        try:
            return parse(text)
        except Malformed as error:
            raise Malformed(error.reason, error.path or name, error.code) from error

    return parse_named


def _takes_none(annotation: Any) -> bool:
    return types.NoneType in typing.get_args(annotation)
