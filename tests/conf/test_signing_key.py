"""The key that makes this server this server."""

import stat
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import TestCase

from conf.reading import SettingsError
from conf.signing_key import FILE_NAME, signing_key_in
from homeserver.core.signatures import is_signed


class SigningKeyTests(TestCase):
    def setUp(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.data_dir = Path(folder.name) / "deep" / "data"

    def test_it_is_made_once_and_stays(self) -> None:
        """For the server's own eyes, and nothing is left beside it."""
        made, read = signing_key_in(self.data_dir), signing_key_in(self.data_dir)

        self.assertEqual((made.key_id, made.verify_key), (read.key_id, read.verify_key))
        self.assertTrue(is_signed(b"x", made.sign(b"x"), read.verify_key))
        self.assertEqual([FILE_NAME], [file.name for file in self.data_dir.iterdir()])
        self.assertEqual(0o600, stat.S_IMODE((self.data_dir / FILE_NAME).stat().st_mode))
        self.assertEqual(0o700, stat.S_IMODE(self.data_dir.stat().st_mode))

    def test_a_key_of_another_homeserver_is_taken(self) -> None:
        """The test vector of the spec: seed and key.  Spec: appendices#cryptographic-test-vectors"""
        self.data_dir.mkdir(parents=True)
        (self.data_dir / FILE_NAME).write_text("ed25519 1 YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1\n")
        key = signing_key_in(self.data_dir)

        self.assertEqual("ed25519:1", key.key_id)

    def test_a_file_that_holds_no_key_is_named(self) -> None:
        """And is not overwritten."""
        self.data_dir.mkdir(parents=True)
        for text in (
            "",
            "ed25519 1",
            "rsa 1 AAAA",
            "ed25519 1 AAAA",
            "ed25519 a:b YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1",
        ):
            (self.data_dir / FILE_NAME).write_text(text)
            with self.subTest(text=text), self.assertRaises(SettingsError) as caught:
                signing_key_in(self.data_dir)
            self.assertIn(FILE_NAME, caught.exception.problems[0])
            self.assertEqual(text, (self.data_dir / FILE_NAME).read_text())

    def test_a_folder_that_cannot_be_made_is_named(self) -> None:
        """It is a setting, after all."""
        self.data_dir.parent.mkdir()
        self.data_dir.write_text("a file")

        with self.assertRaises(SettingsError) as caught:
            signing_key_in(self.data_dir)
        self.assertTrue(caught.exception.problems[0].startswith("data_dir: "))
