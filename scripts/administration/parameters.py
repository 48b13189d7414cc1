"""Parameters of the API become arguments and options of commands."""

import json
from collections.abc import Mapping
from typing import Any, Final

import click
from attrs import frozen

Schema = Mapping[str, Any]

ASKED: Final = "-"
"""In the place of a password: it is asked for, and does not show."""
_SECRETS: Final = frozenset({"password"})


class JSONType(click.ParamType[Any]):
    """JSON, as it is typed."""

    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError as error:
            self.fail(f"this is not JSON: {error}", param, ctx)


@frozen
class Given:
    """How one parameter of the API is given on the command line."""

    name: str
    """In the API."""
    place: str
    """``path``, ``query`` or ``body``."""
    parameter: click.Parameter

    @property
    def key(self) -> str:
        """Under which click passes it on."""
        assert self.parameter.name is not None
        return self.parameter.name


def parameters_of(operation: Mapping[str, Any], schemas: Mapping[str, Schema]) -> list[Given]:
    """All parameters of an operation."""
    given = [
        _argument(each["name"], "path") if each["in"] == "path" else _query_option(each, schemas)
        for each in operation["parameters"]
    ]
    body = operation.get("requestBody")
    if body is None:
        return given
    schema = resolved(body["content"]["application/json"]["schema"], schemas)
    required = schema.get("required", ())
    for name, each in schema.get("properties", {}).items():
        # What is made has its name where others have theirs.
        if not given and name in required and name not in _SECRETS and each.get("type") == "string":
            given.append(_argument(name, "body"))
        else:
            given.append(_option(name, "body", each, schemas, required=name in required))
    return given


def resolved(schema: Schema, schemas: Mapping[str, Schema]) -> Schema:
    """The schema itself in the place of a reference to it."""
    reference = schema.get("$ref")
    return schema if reference is None else {**schemas[reference.rpartition("/")[2]], **schema}


def secret_from(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """What is asked for where ``-`` stands."""
    if value != ASKED:
        return value
    asked: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return asked


def _argument(name: str, place: str) -> Given:
    metavar = _flag(name).upper().replace("-", "_")
    return Given(name, place, click.Argument([_key(place, name)], metavar=metavar, type=str))


def _query_option(parameter: Mapping[str, Any], schemas: Mapping[str, Schema]) -> Given:
    schema = {**parameter["schema"], "description": parameter.get("description", "")}
    # The page's own length is its default.
    schema.pop("default", None)
    return _option(parameter["name"], "query", schema, schemas, required=parameter["required"])


def _option(name: str, place: str, schema: Schema, schemas: Mapping[str, Schema], *, required: bool) -> Given:
    schema = resolved(schema, schemas)
    key, flag, about = _key(place, name), _flag(name), schema.get("description", "")
    if schema.get("type") == "boolean":
        # Whoever says nothing means yes where the API wants to be told.
        declared = [f"--{flag}/--no-{flag}", key]
        return Given(name, place, click.Option(declared, default=True if required else None, help=about))
    kind = _kind(schema)
    if name in _SECRETS:
        about = f"{about} {ASKED} asks for it.".strip()
        option = click.Option([f"--{flag}", key], default=ASKED if required else None, help=about, callback=secret_from)
    else:
        option = click.Option([f"--{flag}", key], type=kind, required=required, help=about)
    return Given(name, place, option)


def _kind(schema: Schema) -> "click.ParamType[Any]":
    if "enum" in schema:
        return click.Choice([str(each) for each in schema["enum"]])
    kinds: dict[object, click.ParamType[Any]] = {"integer": click.INT, "number": click.FLOAT, "string": click.STRING}
    return kinds.get(schema.get("type"), JSONType())


def _key(place: str, name: str) -> str:
    return f"{place}_{name}".lower()


def _flag(name: str) -> str:
    words = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in name)
    return words.replace("_", "-").removeprefix("is-")
