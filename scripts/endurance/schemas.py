"""
The spec's operations as a fuzzer wants them: where to send what, and the schema of the body.

Read from ``../shared/matrix-spec``; the endpoint table itself is the server's own.
"""

from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml
from attrs import frozen

from homeserver.http.rows import Row
from homeserver.http.spec import CLIENT, SERVER
from scripts.laboratory.tools import ROOT

SPEC: Final = ROOT.parent / "shared" / "matrix-spec"
REFERENCES_MAX: Final = 6
"""References inside one another that are followed; schemas may refer to themselves."""

Schema = dict[str, Any]


class SpecMissing(Exception):
    """There is no specification beside the project."""


@frozen
class Operation:
    """One operation and the schema of its body; None when it takes no JSON."""

    row: Row
    schema: Schema | None


def operations(api: str) -> list[Operation]:
    """Every operation of ``client-server`` or ``server-server``.  Raises SpecMissing."""
    if not SPEC.is_dir():
        raise SpecMissing(f"no {SPEC.name} beside the project")
    rows = CLIENT if api == "client-server" else SERVER
    schemas = dict(_bodies(api))
    return [Operation(row, schemas.get(row.id)) for row in rows.values()]


def _bodies(api: str) -> list[tuple[str, Schema]]:
    found = []
    for file in sorted((SPEC / "data" / "api" / api).glob("*.yaml")):
        document = _document(file)
        for item in document["paths"].values():
            for operation in item.values():
                body = _follow(operation.get("requestBody", {}), file, REFERENCES_MAX)
                content = body.get("content", {}).get("application/json")
                if content:
                    found.append((operation["operationId"], _follow(content["schema"], file, REFERENCES_MAX)))
    return found


def _follow(node: Any, file: Path, depth: int) -> Any:
    """*node* with its references replaced by what they refer to; an empty schema below the last one followed."""
    if isinstance(node, list):
        return [_follow(child, file, depth) for child in node]
    if not isinstance(node, dict):
        return node
    reference = node.get("$ref")
    if isinstance(reference, str):
        if depth == 0:
            return {}
        name, _, pointer = reference.partition("#")
        target = (file.parent / name).resolve() if name else file
        document = _document(target)
        for step in pointer.strip("/").split("/") if pointer.strip("/") else ():
            document = document[step.replace("~1", "/").replace("~0", "~")]
        return _follow(document, target, depth - 1)
    return {key: _follow(child, file, depth) for key, child in node.items()}


@cache
def _document(file: Path) -> Any:
    return yaml.load(file.read_text(), yaml.CSafeLoader)
