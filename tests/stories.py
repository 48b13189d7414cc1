"""Reads the JSON files under ``tests/fixtures``."""

import json
from pathlib import Path
from typing import Any, Final

FIXTURES: Final = Path(__file__).parent / "fixtures"


def read(name: str) -> Any:
    """What one file holds; *name* is its path under ``tests/fixtures``."""
    return json.loads((FIXTURES / name).read_text("utf-8"))


def named(folder: str) -> list[str]:
    """The names of all files of one folder, sorted."""
    return sorted(f"{folder}/{path.name}" for path in (FIXTURES / folder).glob("*.json"))
