"""
From method and path to the endpoint.

A path without parameters is one look-up; the others walk a tree by segments, where a literal goes before a parameter.
Segments are decoded after the path is cut, so an encoded slash stays inside its segment.
"""

from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

from attrs import Factory, define, frozen

from homeserver.core.malformed import Malformed
from homeserver.http.operation import Binding, Endpoint, endpoints_of
from homeserver.http.rows import Row
from homeserver.http.twins import IGNORED, twins_of


@frozen
class Route:
    """One endpoint at one path."""

    binding: Binding
    endpoint: Endpoint
    picks: tuple[int | None, ...]
    """For each parameter of the row, which of the path's values it is; None: empty, the path has none."""


@frozen
class Found:
    """The endpoint of a request, with the values of the row's path parameters."""

    route: Route
    values: tuple[str, ...]


@frozen
class WrongMethod:
    """The path is served, by other methods."""

    allowed: tuple[str, ...]


@define
class _Node:
    literals: "dict[bytes, _Node]" = Factory(dict)
    parameter: "_Node | None" = None
    routes: dict[bytes, Route] = Factory(dict)


class Router:
    """All that is served."""

    def __init__(self, endpoints: Iterable[object]) -> None:
        """Raises ValueError when two endpoints serve the same."""
        self._root = _Node()
        self._literal: dict[bytes, dict[bytes, Route]] = {}
        self.bindings: list[Binding] = []
        for each in endpoints:
            for binding, endpoint in endpoints_of(each):
                self._add(binding, endpoint)

    @property
    def rows(self) -> list[Row]:
        """What is served."""
        return [row for binding in self.bindings for row in binding.rows]

    def find(self, method: bytes, path: bytes) -> Found | WrongMethod | None:
        """
        What serves *method* at *path*, as it came, without the query; None when nothing does.

        HEAD is GET.  Raises Malformed when a parameter is not in UTF-8.
        """
        if method == b"HEAD":
            method = b"GET"
        routes = self._literal.get(path)
        if routes is not None:
            route = routes.get(method)
            return _wrong_method(routes) if route is None else Found(route, _picked(route, []))
        segments = path.split(b"/")
        if b"%" in path:
            segments = [unquote_to_bytes(segment) for segment in segments]
        values: list[bytes] = []
        node = _walk(self._root, segments, 0, values)
        if node is None:
            return None
        route = node.routes.get(method)
        if route is None:
            return _wrong_method(node.routes)
        return Found(route, _picked(route, values))

    def _add(self, binding: Binding, endpoint: Endpoint) -> None:
        self.bindings.append(binding)
        row = binding.row
        for path in (row.path, *twins_of(row)):
            names: list[str] = []
            node = self._root
            for segment in path.encode().split(b"/"):
                if segment.startswith(b"{"):
                    names.append(segment[1:-1].decode())
                    node.parameter = node = node.parameter or _Node()
                else:
                    node = node.literals.setdefault(segment, _Node())
            picks = tuple(names.index(name) if name in names else None for name in row.path_parameters)
            assert set(names) <= {*row.path_parameters, IGNORED}, f"{path} has parameters that {row.name} lacks"
            if row.method.encode() in node.routes:
                raise ValueError(f"{row.method} {path} is served twice")
            node.routes[row.method.encode()] = Route(binding, endpoint, picks)
            if not names:
                self._literal[path.encode()] = node.routes


def _walk(node: _Node, segments: list[bytes], index: int, values: list[bytes]) -> _Node | None:
    """The node at the end of *segments*, with the parameters' values appended; None when there is no such path."""
    while index < len(segments):
        segment = segments[index]
        literal = node.literals.get(segment)
        # An empty segment is a parameter's value only at the end: of a state key.
        parameter = node.parameter if segment or index == len(segments) - 1 else None
        if literal is None:
            if parameter is None:
                return None
            values.append(segment)
            node = parameter
        elif parameter is None:
            node = literal
        else:
            before = len(values)
            found = _walk(literal, segments, index + 1, values)
            if found is not None:
                return found
            del values[before:]
            values.append(segment)
            node = parameter
        index += 1
    return node if node.routes else None


def _picked(route: Route, values: list[bytes]) -> tuple[str, ...]:
    try:
        texts = [value.decode() for value in values]
    except UnicodeDecodeError as error:
        raise Malformed("The path is not in UTF-8.", code="M_INVALID_PARAM") from error
    return tuple("" if pick is None else texts[pick] for pick in route.picks)


def _wrong_method(routes: dict[bytes, Route]) -> WrongMethod:
    allowed = {method.decode() for method in routes}
    return WrongMethod(tuple(sorted(allowed | ({"HEAD"} if "GET" in allowed else set()))))
