"""
The spec's own schemas of responses, as a referee: the test client holds every response against them.

They are read from ``../shared/matrix-spec``; where that is absent nothing is held against anything, and the run says
so.
"""

import warnings
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from homeserver.http.rows import Row

SPEC = Path(__file__).resolve().parent.parent.parent / "shared" / "matrix-spec"
PREFIX = "http://matrix-spec/"
# A scheme that relative references are resolved against; nothing is fetched.

ERRATA: dict[tuple[str, int], str] = {
    ("client-server/getTurnServer", 200): "a server may have no TURN server, and only an empty answer says so",
    ("client-server/getRoomStateWithKey", 200): "a whole event is an object too, and so both of what it is one of",
    # The event is returned as it was sent; no format of events has an origin.
    ("server-server/sendInviteV2", 200): "an origin is asked for, which no room version's event format knows",
    ("server-server/sendInviteV1", 200): "an origin is asked for, which no room version's event format knows",
}
"""Responses whose schema in the spec is wrong: ``{(row name, status): what is wrong}``; these are not looked at."""


def is_present() -> bool:
    """Whether there is a specification to hold responses against."""
    if not SPEC.is_dir():
        warnings.warn(f"NO RESPONSE IS HELD AGAINST THE SPEC: there is no {SPEC.name} beside the project", stacklevel=2)
        return False
    return True


def check_response(row: Row, status: int, body: Any) -> None:
    """Raises AssertionError unless the spec allows *row* to answer *body* under *status*."""
    if (row.name, status) in ERRATA or not is_present():
        return
    validator = _validator(row.api, row.id, status)
    if validator is None:
        return
    error = next(iter(sorted(validator.iter_errors(body), key=lambda each: len(each.path))), None)
    if error is not None:
        where = "/".join(map(str, error.absolute_path)) or "the whole"
        raise AssertionError(f"{row.name} {status} breaks the spec at {where}: {error.message[:400]}\n{body}")


@cache
def _validator(api: str, id_: str, status: int) -> Draft202012Validator | None:
    """The validator of one response; None when the spec says nothing of its JSON."""
    if (api, id_) not in _operations():
        return None  # a proposal
    file, pointer, operation = _operations()[api, id_]
    responses = operation["responses"]
    if str(status) not in responses:
        assert status >= 400 or status in {304}, f"the spec knows no {status} of {id_}; only {', '.join(responses)}"
        return None
    response = responses[str(status)]
    pointer += f"/responses/{status}"
    if "$ref" in response:
        pointer = response["$ref"].removeprefix("#")
        for step in pointer.strip("/").split("/"):
            response = response[step] if step in response else _document(file)[step]
    if "application/json" not in response.get("content", {}):
        return None
    reference = f"{PREFIX}{file}#{quote(pointer)}/content/application~1json/schema"
    return Draft202012Validator({"$ref": reference}, registry=_registry())


@cache
def _operations() -> dict[tuple[str, str], tuple[str, str, dict[str, Any]]]:
    """For each API and operation ID the file, the JSON pointer, and the operation."""
    found = {}
    for api in ("client-server", "server-server"):
        for path in sorted((SPEC / "data" / "api" / api).glob("*.yaml")):
            file = str(path.relative_to(SPEC))
            for template, item in _document(file)["paths"].items():
                for method, operation in item.items():
                    pointer = f"/paths/{template.replace('~', '~0').replace('/', '~1')}/{method}"
                    found[api, operation["operationId"]] = (file, pointer, operation)
    return found


@cache
def _document(file: str) -> Any:
    return yaml.load((SPEC / file).read_text(), yaml.CSafeLoader)


@cache
def _registry() -> Registry[Any]:
    return Registry(retrieve=_retrieve)  # type: ignore[call-arg]


@cache
def _retrieve(uri: str) -> Resource[Any]:
    return DRAFT202012.create_resource(_document(uri.removeprefix(PREFIX)))
