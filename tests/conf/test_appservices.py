"""Registration files are read at the start, and what is wrong with them is said by file and key."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import TestCase

import yaml

from conf.appservices import FILE_BYTES_MAX, read_registrations
from conf.reading import SettingsError
from homeserver.core.identifiers import ServerName
from tests.bridges import REGISTRATION

HERE = ServerName("example.org")


class ReadingTests(TestCase):
    def setUp(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def file(self, name: str, **more: Any) -> Path:
        path = self.folder / name
        path.write_text(yaml.safe_dump({**REGISTRATION, "url": None, **more}))
        return path

    def problems(self, *files: Path) -> list[str]:
        with self.assertRaises(SettingsError) as raised:
            read_registrations(files, HERE)
        return raised.exception.problems

    def test_files_are_read(self) -> None:
        """Each is one application service, in the order of the settings."""
        one = self.file("one.yaml")
        two = self.file("two.yaml", id="two", as_token="two", sender_localpart="two")

        self.assertEqual(["two", "bridge"], [each.id for each in read_registrations((two, one), HERE)])
        self.assertEqual((), read_registrations((), HERE))

    def test_all_that_is_wrong_is_said_at_once(self) -> None:
        """With file and key."""
        broken, bad = self.folder / "broken.yaml", self.file("bad.yaml", id=None)
        broken.write_text("id: [")
        endless = self.folder / "endless.yaml"
        endless.write_text("#" * (FILE_BYTES_MAX + 1))
        problems = self.problems(broken, bad, self.folder / "missing.yaml", endless)

        self.assertEqual(4, len(problems))
        self.assertIn("broken.yaml, line 1", problems[0])
        self.assertIn("bad.yaml: id: ", problems[1])
        self.assertIn("missing.yaml cannot be read", problems[2])
        self.assertIn("endless.yaml is too large", problems[3])

    def test_duplicates_are_refused(self) -> None:
        """Both files are named, and the key."""
        one, two = self.file("one.yaml"), self.file("two.yaml", id="two", sender_localpart="two")
        (problem,) = self.problems(one, two)

        for word in ("one.yaml", "two.yaml", "as_token"):
            self.assertIn(word, problem)
        self.assertIn("twice", self.problems(one, one)[0])
