"""
Dot-separated property paths: ``content.m\\.relates_to.rel_type``.

Spec: appendices#dot-separated-property-paths
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, TypeAlias

from attrs import frozen

from homeserver.core.canonical import JSON

PropertyPath: TypeAlias = tuple[str, ...]

_TOKEN: Final = re.compile(r"\\([.\\])|(\.)|([^.\\]+|\\)")


@frozen
class Absent:
    """No property stands at a path; null is a value of its own."""


ABSENT: Final = Absent()


@lru_cache(maxsize=4096)
def split_path(text: str) -> PropertyPath:
    r"""The names on the way; ``\.`` and ``\\`` stand for a dot and a backslash, other escapes for themselves."""
    parts = [""]
    for escaped, dot, plain in _TOKEN.findall(text):
        if dot:
            parts.append("")
        else:
            parts[-1] += escaped or plain
    return tuple(parts)


def property_at(value: Mapping[str, JSON], path: PropertyPath) -> JSON | Absent:
    """What stands at *path*, through objects alone; ABSENT when nothing does."""
    found: JSON | Absent = ABSENT
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            return ABSENT
        found = value[name]
        value = found  # type: ignore[assignment]  # looked at as an object only after the test above
    return found


def keep_properties(value: Mapping[str, JSON], paths: tuple[PropertyPath, ...]) -> dict[str, JSON]:
    """*value* with what stands at *paths* alone, in the objects that hold it; no path may be the start of another."""
    kept: dict[str, JSON] = {}
    for path in paths:
        found = property_at(value, path)
        if isinstance(found, Absent):
            continue
        target = kept
        for name in path[:-1]:
            inner = target.setdefault(name, {})
            assert isinstance(inner, dict), "one path is the start of another"
            target = inner
        target[path[-1]] = found
    return kept
