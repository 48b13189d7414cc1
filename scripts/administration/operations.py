"""What administrators can ask for, as the command line knows it: the description that the server serves, compiled."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from scripts.administration.parameters import Schema, resolved

FILE: Final = Path(__file__).parent / "operations.json"
"""Made by ``python -m scripts.compile_commands``."""
_ASKED_BEFORE: Final = frozenset({"deactivateUser", "sendNoticeToAll", "deleteRoom", "purgeHistory"})
"""What is hard to take back, beside all that deletes."""


@frozen
class Operation:
    """One operation of the API."""

    method: str
    path: str
    described: Mapping[str, Any]
    schemas: Mapping[str, Schema]

    @property
    def answer(self) -> Schema:
        """The schema of what it answers."""
        return resolved(self.described["responses"]["200"]["content"]["application/json"]["schema"], self.schemas)

    @property
    def columns(self) -> list[str]:
        """Of the list that it answers; empty: it answers no list."""
        items = self.answer.get("properties", {}).get("items", {}).get("items")
        return [] if items is None else list(resolved(items, self.schemas).get("properties", {}))

    @property
    def is_asked_before(self) -> bool:
        """Whether it is hard to take back."""
        return self.method == "DELETE" or self.described["operationId"] in _ASKED_BEFORE

    @property
    def is_followed(self) -> bool:
        """Whether what it begins goes on in the background, as a job."""
        return self.method != "GET" and "job_id" in self.answer.get("properties", {})


def operations() -> dict[str, Operation]:
    """All operations, by the words of their commands."""
    description: Any = json.loads(FILE.read_bytes())
    schemas = description["components"]["schemas"]
    found = {}
    # In the order in which the modules are named, not the paths.
    for path, methods in description["paths"].items():
        for method, described in methods.items():
            if "x-command" in described:
                found[described["x-command"]] = Operation(method.upper(), path, described, schemas)
    return found
