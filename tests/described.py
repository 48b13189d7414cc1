"""The description of the administrators' API as a referee: the test client holds every answer of it against that."""

from functools import cache
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from homeserver.http.admin.description import DescriptionEndpoints, describe
from homeserver.http.admin.rows import AdminRow
from scripts.administration.endpoints import ENDPOINTS

_URI = "http://administration/"


@cache
def description() -> Any:
    """The whole of it."""
    return describe((*ENDPOINTS, DescriptionEndpoints), "1.0")


def check_described(row: AdminRow, status: int, body: Any) -> None:
    """Raises AssertionError unless the description allows *row* to answer *body* under *status*."""
    operation = description()["paths"].get(row.path, {}).get(row.method.lower())
    if operation is None:
        return  # of a test
    response = "200" if status == 200 else "default"
    path = row.path.replace("~", "~0").replace("/", "~1").replace("{", "%7B").replace("}", "%7D")
    pointer = f"/paths/{path}/{row.method.lower()}/responses/{response}/content/application~1json/schema"
    error = next(iter(_validator(pointer).iter_errors(body)), None)
    assert error is None, f"{row.id} {status} is not as described at {error.json_path}: {error.message}\n{body}"


@cache
def _validator(pointer: str) -> Draft202012Validator:
    resource: Resource[Any] = DRAFT202012.create_resource(description())
    return Draft202012Validator({"$ref": f"{_URI}#{pointer}"}, registry=Registry().with_resource(_URI, resource))
