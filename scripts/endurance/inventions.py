"""JSON made up from a schema, and JSON that breaks it: wrong types, sizes, depths, and text that is no JSON at all."""

import json
import random
import re
import string
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from attrs import frozen

from scripts.endurance.schemas import Schema

DEPTH_MAX = 8
LONG_TEXT = "x" * 70_000
DEEP: Final = "[" * 5000 + "]" * 5000
# Where nobody listens.
LOOPBACK_NAMES: Final = ("127.0.0.1:1", "[::1]:1", "127.0.0.7")
_OUTSIDE: Final = (
    re.compile(r"(://)[^/\s]+"),
    re.compile(r"([@#!$][^:\s]*:)[\w.-]+(?::\d+)?"),
    re.compile(r"^()[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|io|here)(?::\d+)?$"),
)
ODD_TEXTS: Final = (
    "",
    "\0",
    "\ud83d\ude00" * 10,
    "a" * 256,
    "é" * 200,
    "../../etc/passwd",
    "' OR 1=1 --",
    "%00",
    "@:",
    "!",
    "$",
    "#:127.0.0.1:1",
    "@bob",
    "@bob:" + "1" * 300,
    "-1",
    "null",
    "\u202e",
    "🏳️‍🌈",
    "a:b:c:d",
    LONG_TEXT,
)
ODD_VALUES: Final[tuple[Any, ...]] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2**31,
    2**53,
    2**63,
    2**64,
    10**30,
    -(2**63) - 1,
    0.5,
    1e308,
    [],
    {},
    [None],
    [[]],
    {"": None},
    {"a": {"b": {"c": []}}},
    *ODD_TEXTS,
)
# What no JSON encoder would write.
ODD_BODIES: Final = (
    b"",
    b"{",
    b"null",
    b"[]",
    b'"text"',
    b"0",
    b"\xff\xfe\x00",
    b'{"a": "\xff"}',
    b'{"a": "\\ud800"}',
    b'{"a": 1, "a": 2}',
    b'{"a": NaN}',
    b'{"a": 1e999}',
    b'{"a": 01}',
    b"{'a': 1}",
    DEEP.encode(),
    b'{"a":' * 3000 + b"1" + b"}" * 3000,
    b'{"a": "' + b"y" * 200_000 + b'"}',
)


@frozen
class Inventor:
    """Makes values up; *known* are real names of this server by the kind that a parameter is called after."""

    choice: random.Random
    known: Mapping[str, Sequence[str]]

    def text_for(self, name: str) -> str:
        """A real name of the kind that *name* asks for, mostly; else an odd text."""
        if "server" in name.lower() and self.choice.random() < 0.9:
            return self.choice.choice([*self.known.get("server", ()), *LOOPBACK_NAMES])
        for kind, names in self.known.items():
            if kind.lower() in name.lower().replace("_", "") and self.choice.random() < 0.8:
                return self.choice.choice(names)
        return self.choice.choice(ODD_TEXTS[:-1]) if self.choice.random() < 0.4 else self._word()

    def value(self, schema: Schema, name: str = "", depth: int = 0) -> Any:
        """A value that *schema* allows, mostly."""
        if depth > DEPTH_MAX:
            return None
        if "enum" in schema:
            return self.choice.choice(schema["enum"])
        if "example" in schema and self.choice.random() < 0.3:
            return self._tame(schema["example"])
        for alternatives in ("oneOf", "anyOf"):
            if alternatives in schema:
                return self.value(self.choice.choice(schema[alternatives]), name, depth + 1)
        kind = schema.get("type", "object" if "properties" in schema or "allOf" in schema else "string")
        if isinstance(kind, list):
            kind = self.choice.choice(kind)
        return self._makers()[kind](schema, name, depth)

    def broken(self, value: Any) -> Any:
        """*value* with one thing in it that is wrong: another type, a key too many or too few."""
        if not isinstance(value, dict) or not value or self.choice.random() < 0.1:
            return self.choice.choice(ODD_VALUES)
        key = self.choice.choice(list(value))
        copy = dict(value)
        turn = self.choice.random()
        if turn < 0.15:
            del copy[key]
        elif turn < 0.3:
            copy[self.choice.choice(ODD_TEXTS)] = self.choice.choice(ODD_VALUES)
        elif turn < 0.65:
            copy[key] = self.choice.choice(ODD_VALUES)
        else:
            copy[key] = self.broken(copy[key])
        return copy

    def body(self, schema: Schema | None) -> bytes:
        """The bytes of a body: sound, broken in one or two places, or no JSON."""
        turn = self.choice.random()
        if turn < 0.1:
            return self.choice.choice(ODD_BODIES)
        value = self.value(schema or {"type": "object"})
        if turn < 0.7:
            value = self.broken(value)
        if turn < 0.3:
            value = self.broken(value)
        return json.dumps(value).encode("utf-8", "surrogatepass")

    def _makers(self) -> dict[str, Callable[[Schema, str, int], Any]]:
        return {
            "object": self._object,
            "array": self._array,
            "string": lambda schema, name, depth: self.text_for(name),
            "integer": lambda schema, name, depth: self.choice.choice([0, 1, 2, 10, 50, 100, 1000]),
            "number": lambda schema, name, depth: self.choice.choice([0, 1, 0.5]),
            "boolean": lambda schema, name, depth: self.choice.random() < 0.5,
            "null": lambda schema, name, depth: None,
        }

    def _object(self, schema: Schema, name: str, depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for part in schema.get("allOf", ()):
            value = self.value(part, name, depth + 1)
            made |= value if isinstance(value, dict) else {}
        required = set(schema.get("required", ()))
        for key, child in schema.get("properties", {}).items():
            if key in required or self.choice.random() < 0.5:
                made[key] = self.value(child, key, depth + 1)
        more = schema.get("additionalProperties")
        if isinstance(more, dict):
            for _ in range(self.choice.randrange(3)):
                made[self.text_for(more.get("x-pattern", name))] = self.value(more, name, depth + 1)
        return made

    def _array(self, schema: Schema, name: str, depth: int) -> list[Any]:
        items = schema.get("items", {})
        return [self.value(items, name.removesuffix("s"), depth + 1) for _ in range(self.choice.randrange(4))]

    def _tame(self, example: Any) -> Any:
        """An example of the spec that names no server out there: those of this machine alone are ever spoken to."""
        if isinstance(example, str):
            here = self.choice.choice(self.known.get("server", LOOPBACK_NAMES))
            for pattern in _OUTSIDE:
                example = pattern.sub(rf"\g<1>{here}", example)
            return example
        if isinstance(example, list):
            return [self._tame(child) for child in example]
        if isinstance(example, dict):
            return {self._tame(key): self._tame(child) for key, child in example.items()}
        return example

    def _word(self) -> str:
        # No name of a host begins so.
        return "_" + "".join(self.choice.choices(string.ascii_lowercase, k=self.choice.randrange(1, 12)))
