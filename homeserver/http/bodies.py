"""
JSON bodies become attrs values, strictly: nothing is coerced, and nothing passes that canonical JSON or a database
column cannot hold.  What is wrong is said with its path.

The JSON key is the attribute's name, without an underscore at its end (``from_`` is ``from``), unless the attribute
says ``metadata=json_key("m.relates_to")``.  Keys that a class does not name are ignored.
"""

import types
import typing
from collections.abc import Callable, Mapping
from enum import Enum
from typing import Annotated, Any, Literal, TypeAlias, Union

import attrs
from cattrs import AttributeValidationNote, ClassValidationError, Converter
from cattrs.gen import make_dict_structure_fn, override

from homeserver.core import identifiers
from homeserver.core.canonical import INTEGER_MAX, INTEGER_MIN, JSON, JSONObject
from homeserver.core.malformed import Malformed
from homeserver.http.parameters import parse_device_id

Structure: TypeAlias = Callable[[Any, Any], Any]
"""As cattrs calls its hooks: with the value and the type that is wanted."""

_JSON_KEY = "json_key"


def json_key(name: str) -> dict[str, str]:
    """Metadata of an attribute whose JSON key is *name*."""
    return {_JSON_KEY: name}


def key_of(attribute: "attrs.Attribute[Any]") -> str:
    """The JSON key of an attribute."""
    key: str = attribute.metadata.get(_JSON_KEY) or attribute.name.rstrip("_")
    return key


def body_parser(annotation: Any) -> Callable[[JSON], Any]:
    """
    What turns parsed JSON into a value of this annotation, and raises Malformed.

    An annotation is an attrs class, ``JSONObject`` or ``JSON`` as they come, str, int, bool, float, an identifier,
    ``Literal``, ``Enum``, ``list``, ``tuple[X, ...]``, ``frozenset``, ``dict``, ``X | None``, or
    ``Annotated[T, parse]`` with a function of one's own.  Raises TypeError for others.
    """
    structure = _converter.get_structure_hook(annotation)
    return lambda value: structure(value, annotation)


def _string(value: object, _: object) -> str:
    if not isinstance(value, str):
        raise Malformed("This must be a string.")
    if "\0" in value:
        raise Malformed("This holds a NUL character.")
    return value


def _integer(value: object, _: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not INTEGER_MIN <= value <= INTEGER_MAX:
        raise Malformed("This must be an integer.")
    return value


def _boolean(value: object, _: object) -> bool:
    if not isinstance(value, bool):
        raise Malformed("This must be true or false.")
    return value


def _number(value: object, _: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise Malformed("This must be a number.")
    return value


def _object(value: object, _: object) -> JSONObject:
    if not isinstance(value, dict):
        raise Malformed("This must be an object.")
    return value


def _as_it_comes(value: JSON, _: object) -> JSON:
    return value


def _identifier(parse: Callable[[Any], object]) -> Structure:
    return lambda value, _: parse(_string(value, str))


def _annotated(annotation: Any) -> Structure:
    parse = typing.get_args(annotation)[1]
    return lambda value, _: parse(value)


def _choice(annotation: Any) -> Structure:
    if typing.get_origin(annotation) is Literal:
        values = {value: value for value in typing.get_args(annotation)}
    else:
        values = {member.value: member for member in annotation}

    def structure(value: Any, _: object) -> object:
        if isinstance(value, list | dict) or value not in values:
            raise Malformed(f"This must be one of {', '.join(map(str, values))}.")
        return values[value]

    return structure


def _sequence(annotation: Any, converter: Converter) -> Structure:
    container, item = typing.get_origin(annotation), typing.get_args(annotation)[0]
    inner = converter.get_structure_hook(item)

    def structure(value: object, _: object) -> object:
        if not isinstance(value, list):
            raise Malformed("This must be an array.")
        return container(_within(f"[{index}]", inner, child, item) for index, child in enumerate(value))

    return structure


def _mapping(annotation: Any, converter: Converter) -> Structure:
    key, item = typing.get_args(annotation)
    parse_key, inner = converter.get_structure_hook(key), converter.get_structure_hook(item)

    def structure(value: object, _: object) -> object:
        return {
            _within(name, parse_key, name, key): _within(name, inner, child, item)
            for name, child in _object(value, dict).items()
        }

    return structure


def _optional(annotation: Any, converter: Converter) -> Structure:
    rest = [argument for argument in typing.get_args(annotation) if argument is not types.NoneType]
    if len(rest) != 1 or len(typing.get_args(annotation)) != 2:
        raise TypeError(f"bodies hold no union but X | None; not {annotation}")
    inner = converter.get_structure_hook(rest[0])
    return lambda value, _: None if value is None else inner(value, rest[0])


def _attrs_class(class_: Any, converter: Converter) -> Structure:
    quoted = [attribute.name for attribute in attrs.fields(class_) if isinstance(attribute.type, str)]
    if quoted:
        raise TypeError(f"{', '.join(quoted)} of {class_.__name__} has an annotation in quotes")
    keys = {attribute.name: key_of(attribute) for attribute in attrs.fields(class_)}
    renames: dict[str, Any] = {name: override(rename=key) for name, key in keys.items()}
    inner = make_dict_structure_fn(class_, converter, **renames)

    def structure(value: object, _: object) -> object:
        try:
            return inner(_object(value, class_), class_)
        except ClassValidationError as error:
            raise _first_fault(error, keys) from error

    return structure


def _within(step: str, structure: Structure, value: object, type_: object) -> Any:
    try:
        return structure(value, type_)
    except Malformed as error:
        raise _moved(error, step) from error


def _first_fault(group: ClassValidationError, keys: Mapping[str, str]) -> Malformed:
    """The first thing that is wrong with the attributes of a class."""
    error = group.exceptions[0]
    names = [note.name for note in getattr(error, "__notes__", ()) if isinstance(note, AttributeValidationNote)]
    if not names:
        return Malformed(f"{error}.")  # what a validator of the class says names the attribute itself
    if isinstance(error, Malformed):
        return _moved(error, keys[names[0]])
    assert isinstance(error, KeyError), "hooks raise Malformed only"
    return Malformed("This is required.", keys[names[0]], "M_MISSING_PARAM")


def _moved(error: Malformed, step: str) -> Malformed:
    separator = "." if error.path and not error.path.startswith("[") else ""
    return Malformed(error.reason, f"{step}{separator}{error.path}", error.code)


def _origin_in(*origins: object) -> Callable[[Any], bool]:
    return lambda annotation: typing.get_origin(annotation) in origins


def _strict_converter() -> Converter:
    converter = Converter(detailed_validation=True)
    # The last that fits is asked first.
    converter.register_structure_hook_factory(attrs.has, _attrs_class)
    converter.register_structure_hook_factory(_origin_in(list, tuple, frozenset), _sequence)
    converter.register_structure_hook_factory(_origin_in(dict, Mapping), _mapping)
    converter.register_structure_hook_factory(_origin_in(Union, types.UnionType), _optional)
    converter.register_structure_hook_factory(_origin_in(Annotated), _annotated)
    converter.register_structure_hook_factory(_origin_in(Literal), _choice)
    converter.register_structure_hook_factory(lambda t: isinstance(t, type) and issubclass(t, Enum), _choice)
    # Classes are looked up before all of these, where cattrs has hooks that coerce.
    classes: dict[type, Structure] = {str: _string, int: _integer, bool: _boolean, float: _number}
    for class_, structure in classes.items():
        converter.register_structure_hook(class_, structure)
    plain: dict[Any, Structure] = {
        dict: _object,
        JSON: _as_it_comes,
        JSONObject: _object,
        identifiers.UserID: _identifier(identifiers.parse_user_id),
        identifiers.RoomID: _identifier(identifiers.parse_room_id),
        identifiers.EventID: _identifier(identifiers.parse_event_id),
        identifiers.RoomAlias: _identifier(identifiers.parse_room_alias),
        identifiers.ServerName: _identifier(identifiers.parse_server_name),
        identifiers.DeviceID: _identifier(parse_device_id),
    }
    converter.register_structure_hook_factory(lambda t: t in plain, lambda t: plain[t])
    return converter


_converter = _strict_converter()
