"""Every setting says what it means, and the printed reference is a file that the server takes."""

from pathlib import Path
from unittest import TestCase

import attrs
import yaml

from conf.reading import parse_settings
from conf.reference import documentation_of, render_reference, sections


class SettingsDocumentedTests(TestCase):
    def test_every_setting_is_documented(self) -> None:
        """Below each attribute of each class of settings stands what it means, as a sentence."""
        wanting = [
            f"{class_.__module__}.{class_.__name__}.{attribute.name}"
            for class_ in sections()
            for attribute in attrs.fields(class_)
            if not documentation_of(class_).get(attribute.name, "").endswith((".", "``."))
        ]

        self.assertEqual([], wanting)

    def test_every_section_says_what_it_is_about(self) -> None:
        """Classes of settings have a docstring of their own."""
        self.assertEqual([], [class_.__name__ for class_ in sections() if not (class_.__doc__ or "").strip()])

    def test_the_reference_is_a_settings_file_that_says_the_defaults(self) -> None:
        """Printed, read again: nothing differs from a server without a file."""
        tree = yaml.safe_load(render_reference())

        self.assertEqual(parse_settings({}, Path("/srv")), parse_settings(tree, Path("/srv")))

    def test_the_reference_names_every_setting(self) -> None:
        """Also those that are unset by default."""
        text = render_reference()
        missing = [
            attribute.name
            for class_ in sections()
            for attribute in attrs.fields(class_)
            if f"{attribute.name.rstrip('_')}:" not in text
        ]

        self.assertEqual([], missing)
