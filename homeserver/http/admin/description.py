"""
The administrators' API described in OpenAPI 3.1, from the rows and signatures that serve it: it cannot go stale.
"""

import inspect
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from attrs import define

from homeserver.core.canonical import JSON, JSONObject
from homeserver.http.admin.rows import PREFIX, AdminRow, admin
from homeserver.http.admin.schemas import Schemas, first_sentence
from homeserver.http.operation import Endpoint, bindings_of
from homeserver.http.rows import Authentication, Body, snake_case

_TOKEN = "accessToken"


def describe(endpoints: Sequence[type], version: str) -> JSONObject:
    """
    The description of what classes of endpoints serve.  Raises TypeError where an annotation cannot be described.

    Beside OpenAPI, ``x-command`` says how the command line calls an operation.
    """
    schemas = Schemas()
    schemas.components["Error"] = {
        "type": "object",
        "description": "Why a request was refused.",
        "properties": {"errcode": {"type": "string"}, "error": {"type": "string"}},
        "required": ["errcode", "error"],
    }
    paths: dict[str, dict[str, JSON]] = {}
    for class_ in endpoints:
        for binding, endpoint in bindings_of(class_):
            row = binding.row
            if isinstance(row, AdminRow):
                paths.setdefault(row.path, {})[row.method.lower()] = _operation(row, endpoint, class_, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Folkmoot administration",
            "version": version,
            "description": f"Everything below {PREFIX} is for administrators of the server alone.",
        },
        "paths": {path: dict(operations) for path, operations in sorted(paths.items())},
        "components": {
            "schemas": schemas.components,
            "securitySchemes": {_TOKEN: {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(row: AdminRow, endpoint: Endpoint, class_: type, schemas: Schemas) -> JSONObject:
    hints = {name.rstrip("_"): hint for name, hint in inspect.get_annotations(endpoint).items()}
    defaults = {name.rstrip("_"): each.default for name, each in inspect.signature(endpoint).parameters.items()}
    described: JSONObject = {
        "operationId": row.id,
        "summary": first_sentence(endpoint.__doc__ or ""),
        "tags": [first_sentence(class_.__doc__ or "").rstrip(".")],
        "parameters": _parameters(row, hints, defaults, schemas),
        "responses": {
            "200": {"description": "Done.", "content": _json(schemas.of(hints["return"]))},
            "default": {"description": "Refused.", "content": _json({"$ref": "#/components/schemas/Error"})},
        },
    }
    if row.body is Body.JSON:
        described["requestBody"] = {"required": True, "content": _json(schemas.of(hints["body"]))}
    if row.authentication is not Authentication.NONE:
        described["security"] = [{_TOKEN: []}]
    if row.command:
        described["x-command"] = row.command
    return described


def _parameters(
    row: AdminRow, hints: Mapping[str, Any], defaults: Mapping[str, object], schemas: Schemas
) -> list[JSON]:
    parameters: list[JSON] = [
        {"name": name, "in": "path", "required": True, "schema": schemas.of(hints[snake_case(name)])}
        for name in row.path_parameters
    ]
    for query in row.query:
        schema = _with_default(schemas.of(hints[snake_case(query.name)]), defaults[snake_case(query.name)])
        parameters.append(
            {
                "name": query.name,
                "in": "query",
                "required": query.required,
                "schema": schema,
                "description": query.about,
            }
        )
    return parameters


def _with_default(schema: JSONObject, default: object) -> JSONObject:
    if isinstance(default, str | int | bool):
        schema["default"] = default
    return schema


def _json(schema: JSONObject) -> JSONObject:
    return {"application/json": {"schema": schema}}


@define(eq=False)
class DescriptionEndpoints:
    """The description of this API."""

    endpoints: Sequence[type]
    version: str

    @cached_property
    def _description(self) -> JSONObject:
        return describe((*self.endpoints, type(self)), self.version)

    @admin("describe", "GET", "/openapi.json", authentication=Authentication.NONE)
    async def show(self) -> JSONObject:
        """What this API can do, in OpenAPI 3.1."""
        return self._description
