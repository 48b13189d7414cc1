"""
A YAML file and the environment become settings, strictly: what is unknown or wrong is named, with what is allowed.

All that is wrong is said at once.
"""

import difflib
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias, Union

import attrs
import yaml
from attrs import evolve
from cattrs import AttributeValidationNote, ClassValidationError, Converter, ForbiddenExtraKeysError
from cattrs.gen import make_dict_structure_fn, override

from conf.settings import Settings
from homeserver.core.identifiers import ServerName, UserID, parse_server_name, parse_user_id
from homeserver.core.malformed import Malformed
from homeserver.store.settings import DatabaseSettings

ENVIRONMENT_PREFIX = "FOLKMOOT__"
_SQLITE = "sqlite:///"

Structure: TypeAlias = Callable[[Any, Any], Any]


class SettingsError(Exception):
    """The settings cannot be used; *problems* are sentences for the administrator."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def read_settings(file: Path | None, environment: Mapping[str, str]) -> Settings:
    """The settings of *file* (None: the defaults) and of *environment*, which goes first.  Raises SettingsError."""
    folder = Path.cwd() if file is None else file.resolve().parent
    tree = {} if file is None else _read_file(file)
    _overlay(tree, environment)
    return parse_settings(tree, folder)


def parse_settings(tree: Mapping[str, Any], folder: Path) -> Settings:
    """The settings that *tree* says; relative paths start at *folder*.  Raises SettingsError."""
    try:
        settings: Settings = _converter(folder).structure(tree, Settings)
    except (_Wrong, ClassValidationError) as error:
        raise SettingsError([_sentence(path, text) for path, text in _faults(error, "")]) from error
    return _completed(settings, folder)


def _completed(settings: Settings, folder: Path) -> Settings:
    """What is unset because it depends on other settings is set."""
    data_dir = folder / settings.data_dir
    database = settings.database or DatabaseSettings(f"{_SQLITE}{data_dir / 'folkmoot.db'}")
    if database.url.startswith(_SQLITE):
        path = database.url.removeprefix(_SQLITE)
        database = evolve(database, url=f"{_SQLITE}{folder / path}")
    registration = settings.registration
    if registration.email_required and settings.email is None:
        raise SettingsError(["registration.email_required: this needs the section email, to send mail."])
    if registration.enabled is None:
        registration = evolve(registration, enabled=settings.registration_is_open)
    return evolve(settings, data_dir=data_dir, database=database, registration=registration)


def read_yaml(file: Path, bytes_max: int | None = None) -> Any:
    """What the file holds; None: any number of bytes will do.  Raises SettingsError."""
    try:
        if bytes_max is not None and file.stat().st_size > bytes_max:
            raise SettingsError([f"{file} is too large: it may have {bytes_max} bytes."])
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError([f"{file} cannot be read: {error.strerror}."]) from error
    except UnicodeDecodeError as error:
        raise SettingsError([f"{file} is not in UTF-8."]) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark is not None else ""
        raise SettingsError([f"{file}{where} is not YAML: {getattr(error, 'problem', None) or error}."]) from error


def _read_file(file: Path) -> dict[str, Any]:
    tree = read_yaml(file)
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise SettingsError([f"{file} must hold settings, as `name: value` lines."])
    return tree


def _overlay(tree: dict[str, Any], environment: Mapping[str, str]) -> None:
    """Puts what the environment says into *tree*.  Raises SettingsError."""
    for name, text in sorted(environment.items()):
        if not name.startswith(ENVIRONMENT_PREFIX):
            continue
        *sections, key = name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
        place = tree
        for section in sections:
            inner = place.setdefault(section, {})
            if not isinstance(inner, dict):
                raise SettingsError([f"{name} goes into {section}, which is no section."])
            place = inner
        try:
            place[key] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise SettingsError([f"{name} is not YAML: {text!r}."]) from error


class _Wrong(Exception):
    """Something about one value, with the path from the value that was being read."""

    def __init__(self, faults: list[tuple[str, str]]) -> None:
        super().__init__(faults)
        self.faults = faults


def _wrong(text: str, path: str = "") -> _Wrong:
    return _Wrong([(path, text)])


def _faults(error: BaseException, path: str) -> Iterator[tuple[str, str]]:
    """Each thing that is wrong, with its full path."""
    if isinstance(error, _Wrong):
        yield from ((_joined(path, inner), text) for inner, text in error.faults)
    elif isinstance(error, ForbiddenExtraKeysError):
        known = sorted(_keys_of(error.cl))
        yield from ((_joined(path, str(key)), _unknown(str(key), known)) for key in sorted(error.extra_fields, key=str))
    elif isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _faults(each, _joined(path, _step(each)))
    elif isinstance(error, KeyError):
        yield path, "is required"
    else:
        yield path, str(error.args[0]) if error.args else str(error)


def _step(error: BaseException) -> str:
    notes = [note.name for note in getattr(error, "__notes__", ()) if isinstance(note, AttributeValidationNote)]
    return notes[0].rstrip("_") if notes else ""


def _unknown(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, 1)
    guess = f" Did you mean {near[0]}?" if near else ""
    return f"is not a setting.{guess} Here may stand: {', '.join(known)}"


def _sentence(path: str, text: str) -> str:
    # What a class says of itself begins with the setting's name already.
    return f"{path}: {text}." if path else f"{text}."


def _joined(path: str, step: str) -> str:
    return f"{path}.{step}" if path and step and not step.startswith("[") else path + step


def _keys_of(class_: Any) -> set[str]:
    return {attribute.name.rstrip("_") for attribute in attrs.fields(class_)}


def _text(value: object, _: object) -> str:
    if not isinstance(value, str):
        raise _wrong(f"must be text; put {_shown(value)} in quotes")
    return value


def _integer(value: object, _: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong(f"must be a whole number, not {_shown(value)}")
    return value


def _number(value: object, _: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise _wrong(f"must be a number, not {_shown(value)}")
    return float(value)


def _boolean(value: object, _: object) -> bool:
    if not isinstance(value, bool):
        raise _wrong(f"must be true or false, not {_shown(value)}")
    return value


def _shown(value: object) -> str:
    return "nothing" if value is None else repr(value)


def _identifier(parse: Callable[[object], object]) -> Structure:
    def structure(value: object, _: object) -> object:
        try:
            return parse(_text(value, str))
        except Malformed as error:
            raise _wrong(error.reason.rstrip(".")) from error

    return structure


def _choice(annotation: Any) -> Structure:
    allowed = typing.get_args(annotation)

    def structure(value: object, _: object) -> object:
        if value not in allowed:
            raise _wrong(f"must be one of {', '.join(map(str, allowed))}, not {_shown(value)}")
        return value

    return structure


def _sequence(annotation: Any, converter: Converter) -> Structure:
    item = typing.get_args(annotation)[0]
    inner = converter.get_structure_hook(item)

    def structure(value: object, _: object) -> object:
        if not isinstance(value, list):
            raise _wrong(f"must be a list, not {_shown(value)}")
        items: list[object] = []
        faults: list[tuple[str, str]] = []
        for index, child in enumerate(value):
            try:
                items.append(inner(child, item))
            except (_Wrong, ClassValidationError) as error:
                faults.extend(_faults(error, f"[{index}]"))
        if faults:
            raise _Wrong(faults)
        return tuple(items)

    return structure


def _optional(annotation: Any, converter: Converter) -> Structure:
    (rest,) = (argument for argument in typing.get_args(annotation) if argument is not types.NoneType)
    inner = converter.get_structure_hook(rest)
    return lambda value, _: None if value is None else inner(value, rest)


def _section(class_: Any, converter: Converter) -> Structure:
    renames: dict[str, Any] = {
        attribute.name: override(rename=attribute.name.rstrip("_")) for attribute in attrs.fields(class_)
    }
    inner = make_dict_structure_fn(class_, converter, _cattrs_forbid_extra_keys=True, **renames)

    def structure(value: object, _: object) -> object:
        # A section whose lines are all comments is there in YAML, and None.
        value = {} if value is None else value
        if not isinstance(value, dict):
            raise _wrong(f"must be a section of settings ({', '.join(sorted(_keys_of(class_)))}), not {_shown(value)}")
        return inner(value, class_)

    return structure


def _origin_in(*origins: object) -> Callable[[Any], bool]:
    return lambda annotation: typing.get_origin(annotation) in origins


def _converter(folder: Path) -> Converter:
    converter = Converter(detailed_validation=True)
    # The last that fits is asked first; classes before all of them.
    converter.register_structure_hook_factory(attrs.has, _section)
    converter.register_structure_hook_factory(_origin_in(tuple), _sequence)
    converter.register_structure_hook_factory(_origin_in(Union, types.UnionType), _optional)
    converter.register_structure_hook_factory(_origin_in(Literal), _choice)
    named: dict[Any, Structure] = {
        ServerName: _identifier(parse_server_name),
        UserID: _identifier(parse_user_id),
    }
    converter.register_structure_hook_factory(lambda t: t in named, lambda t: named[t])
    classes: dict[type, Structure] = {
        str: _text,
        int: _integer,
        float: _number,
        bool: _boolean,
        Path: lambda value, _: folder / _text(value, str),
    }
    for class_, structure in classes.items():
        converter.register_structure_hook(class_, structure)
    return converter
