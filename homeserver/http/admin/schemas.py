"""JSON schemas of the classes that stand for bodies and answers."""

import types
import typing
from collections.abc import Mapping
from enum import Enum
from typing import Annotated, Any, Literal, TypeVar, Union

import attrs

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.documentation import documentation_of
from homeserver.core.identifiers import DeviceID, EventID, RoomAlias, RoomID, ServerName, UserID
from homeserver.http.bodies import key_of
from homeserver.http.replies import Empty

_PLAIN: dict[Any, JSONObject] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    UserID: {"type": "string", "description": "A user ID, as @name:server."},
    RoomID: {"type": "string", "description": "A room ID."},
    EventID: {"type": "string", "description": "An event ID."},
    RoomAlias: {"type": "string", "description": "A room alias, as #name:server."},
    ServerName: {"type": "string", "description": "The name of a server."},
    DeviceID: {"type": "string", "description": "A device ID."},
    Empty: {"type": "object"},
    JSON: {},
    JSONObject: {"type": "object"},
}


class Schemas:
    """Schemas of annotations; those of classes are named, once each, in ``components``."""

    def __init__(self) -> None:
        self.components: JSONObject = {}
        self._named: dict[str, Any] = {}

    def of(self, annotation: Any) -> JSONObject:
        """The schema of *annotation*: whatever ``bodies.py`` parses or ``replies.py`` writes.  Raises TypeError."""
        if annotation in _PLAIN:
            return dict(_PLAIN[annotation])
        origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
        if origin is Annotated:
            return self.of(arguments[0])
        if origin is Literal:
            return {"enum": list(arguments)}
        if origin in {Union, types.UnionType}:
            return self._union([each for each in arguments if each is not types.NoneType])
        if origin in {list, tuple, frozenset, set} or (isinstance(origin, type) and origin.__name__ == "Sequence"):
            return {"type": "array", "items": self.of(arguments[0])}
        if origin in {dict, Mapping}:
            return {"type": "object", "additionalProperties": self.of(arguments[1])}
        if isinstance(annotation, type) and issubclass(annotation, Enum):
            return {"enum": [member.value for member in annotation]}
        if attrs.has(origin or annotation):
            return self._reference(annotation)
        if isinstance(annotation, typing.NewType):
            return self.of(annotation.__supertype__)
        raise TypeError(f"{annotation} has no schema")

    def _union(self, alternatives: list[Any]) -> JSONObject:
        # None is left out of what is written, and counts as left out in what is parsed.
        schemas = [self.of(each) for each in alternatives]
        return schemas[0] if len(schemas) == 1 else {"anyOf": list(schemas)}

    def _reference(self, annotation: Any) -> JSONObject:
        name = _name_of(annotation)
        known = self._named.setdefault(name, annotation)
        if known != annotation:
            raise TypeError(f"{known} and {annotation} have the same name")
        if name not in self.components:
            # Named before it is described: it may hold itself.
            self.components[name] = {}
            self.components[name] = self._object(annotation)
        return {"$ref": f"#/components/schemas/{name}"}

    def _object(self, annotation: Any) -> JSONObject:
        class_ = typing.get_origin(annotation) or annotation
        meant = dict(zip(getattr(class_, "__parameters__", ()), typing.get_args(annotation), strict=False))
        documentation = documentation_of(class_)
        properties: JSONObject = {}
        required: list[JSON] = []
        for attribute in attrs.fields(class_):
            schema = self.of(_substituted(attribute.type, meant))
            about = documentation.get(attribute.name)
            if about is not None:
                # Beside a reference, a description is of this place.
                schema["description"] = about.replace("``", "`")
            properties[key_of(attribute)] = schema
            if attribute.default is attrs.NOTHING and not _takes_none(attribute.type):
                required.append(key_of(attribute))
        described: JSONObject = {"type": "object", "properties": properties}
        if required:
            described["required"] = required
        if class_.__doc__:
            described["description"] = first_sentence(class_.__doc__)
        return described


def first_sentence(text: str) -> str:
    """What *text* says first, in one line."""
    (paragraph, *_) = text.strip().split("\n\n")
    line = " ".join(paragraph.split()).replace("``", "`")
    return line.partition("  Raises ")[0].partition(" Raises ")[0]


def _substituted(annotation: Any, meant: dict[Any, Any]) -> Any:
    if isinstance(annotation, TypeVar):
        return meant[annotation]
    arguments = typing.get_args(annotation)
    if meant and arguments and any(isinstance(each, TypeVar) for each in arguments):
        return typing.get_origin(annotation)[tuple(meant.get(each, each) for each in arguments)]
    return annotation


def _takes_none(annotation: Any) -> bool:
    return types.NoneType in typing.get_args(annotation)


def _name_of(annotation: Any) -> str:
    if annotation in _PLAIN:
        return "Object" if annotation == JSONObject else "Any" if annotation == JSON else str(annotation.__name__)
    origin = typing.get_origin(annotation)
    if origin is None:
        return str(annotation.__name__)
    return f"{origin.__name__}Of{''.join(_name_of(each) for each in typing.get_args(annotation))}"
