"""Documentation is read from where settings are defined."""

from unittest import TestCase

from attrs import frozen

from conf.reference import documentation_of


@frozen
class Example:
    """A section."""

    one: int
    """The first,
    on two lines."""
    two: int = 2
    three: int = 3
    """The third."""

    @property
    def four(self) -> int:
        """No setting."""
        return 4


class DocumentationTests(TestCase):
    def test_the_string_below_an_attribute_is_its_documentation(self) -> None:
        """In one paragraph; what has none is not there."""
        self.assertEqual({"one": "The first, on two lines.", "three": "The third."}, documentation_of(Example))
