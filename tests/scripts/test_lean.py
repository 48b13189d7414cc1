"""Tests of scripts/lean.py, each in a process of its own: it changes what is imported after it."""

import subprocess
import sys
from unittest import TestCase

CLASSES = """
import attrs

@attrs.frozen
class Place:
    x: int
    y: int = attrs.field(default=3, metadata={"unit": "m"})

@attrs.frozen
class Higher(Place):
    count: int = 5

def check():
    fields = attrs.fields(Place)
    assert [each.name for each in fields] == ["x", "y"]
    assert fields.y.metadata["unit"] == "m"
    assert fields[0] is fields.x
    assert not hasattr(fields, "z")
    assert attrs.fields(Higher).count.name == "count"
    assert attrs.evolve(Place(1), y=4) == Place(1, 4)
    assert repr(Higher(1)) == "Higher(x=1, y=3, count=5)"
    assert attrs.asdict(Higher(1)) == {"x": 1, "y": 3, "count": 5}
"""


def run(*lines: str) -> None:
    """Raises AssertionError with what a new Python says of *lines* when it does not like them."""
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


class LeanTests(TestCase):
    """The libraries do what they do without it."""

    def test_fields_are_found_by_name(self) -> None:
        """Classes of attrs are as ever, also those with a field that is named like a method of tuples."""
        run("from scripts import lean", CLASSES, "check()", "assert type(attrs.fields(Place)) is lean.Fields")

    def test_libraries_are_as_they_came_in_the_end(self) -> None:
        """Once all is imported, nothing of attrs and cattrs is ours any more."""
        run(
            "from scripts import lean, generated_code",
            "import attr._make, cattrs.gen",
            "assert attr._make.compile.__func__ is generated_code.GeneratedCode.compile",
            "lean.settle(write=False)",
            "assert not any('compile' in vars(module) for module in (attr._make, cattrs.gen))",
            "assert attr._make._make_attr_tuple_class.__module__ == 'attr._make'",
            CLASSES,
            "check()",
            "assert type(attrs.fields(Place)) is not lean.Fields",
        )

    def test_an_attrs_that_has_changed_is_left_alone(self) -> None:
        """Where attrs makes its fields otherwise, the server starts as if nothing had been tried."""
        run(
            "import attr._make, cattrs.gen, structlog, twisted.web.http, scripts.generated_code",
            "del attr._make._make_attr_tuple_class",
            "from scripts import lean",
            "lean.settle()",
            "assert not hasattr(attr._make, '_make_attr_tuple_class')",
        )

    def test_what_is_hidden_is_there_afterwards(self) -> None:
        """Twisted has no HTTP/2 and structlog no colors, but others may import rich and h2."""
        run(
            "from scripts import lean",
            "import sys, structlog.dev, twisted.web.http",
            "assert 'rich' not in sys.modules and 'h2' not in sys.modules",
            "assert not twisted.web.http.H2_ENABLED",
        )
