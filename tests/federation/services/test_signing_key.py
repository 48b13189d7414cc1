"""Tests of federation/services/signing_key.py."""

import stat
import tempfile
from pathlib import Path
from unittest import TestCase

from federation.services.signing_key import FILE_NAME, load_own_keys, parse_own_keys, rotate_own_keys
from homeserver.core.malformed import Malformed
from homeserver.core.signatures import SigningKey
from homeserver.core.unpadded_base64 import encode_base64

SEED = encode_base64(b"s" * 32)
OLD_SEED = encode_base64(b"o" * 32)


class SigningKeyTests(TestCase):
    """The file with this server's keys."""

    def setUp(self) -> None:
        self.folder = Path(self.enterContext(tempfile.TemporaryDirectory()))

    def test_the_first_start_makes_a_key_and_keeps_it(self) -> None:
        """Each server has another one, and only its owner can read it."""
        made = load_own_keys(self.folder)
        (self.folder / "other").mkdir()
        other = load_own_keys(self.folder / "other")

        self.assertEqual(made, load_own_keys(self.folder))
        self.assertNotEqual(made.current.verify_key, other.current.verify_key)
        self.assertEqual(0o600, stat.S_IMODE((self.folder / FILE_NAME).stat().st_mode))
        self.assertEqual(["other", FILE_NAME], sorted(path.name for path in self.folder.iterdir()))

    def test_synapses_files_are_read(self) -> None:
        """One line: the algorithm, a name, the seed."""
        keys = parse_own_keys(f"ed25519 a_AbCd {SEED}\n")

        self.assertEqual(SigningKey.from_seed("ed25519:a_AbCd", b"s" * 32), keys.current)
        self.assertEqual({}, keys.retired)

    def test_retired_keys_are_known_by_their_public_half(self) -> None:
        """Comments and empty lines are passed over."""
        keys = parse_own_keys(f"# ours\n\ned25519 new {SEED}\ned25519 old {OLD_SEED} 1700000000000\n")
        old = SigningKey.from_seed("ed25519:old", b"o" * 32)

        self.assertEqual("ed25519:new", keys.current.key_id)
        self.assertEqual(
            (old.verify_key, 1_700_000_000_000),
            (
                keys.retired["ed25519:old"].verify_key,
                keys.retired["ed25519:old"].expired_ms,
            ),
        )

    def test_rotation_retires_the_key_in_use(self) -> None:
        """And keeps those retired before."""
        first = load_own_keys(self.folder)
        second = rotate_own_keys(self.folder, 5)
        third = rotate_own_keys(self.folder, 7)

        self.assertEqual(third, load_own_keys(self.folder))
        self.assertEqual(
            {
                first.current.key_id: (first.current.verify_key, 5),
                second.current.key_id: (second.current.verify_key, 7),
            },
            {key_id: (key.verify_key, key.expired_ms) for key_id, key in third.retired.items()},
        )

    def test_damaged_files_are_refused(self) -> None:
        """Rather than a new key being made: the old one would be lost, and with it the server's name."""
        for text in (
            "",
            "# nothing\n",
            "rsa a AAAA\n",
            "ed25519 a\n",
            "ed25519 a AAAA\n",
            f"ed25519 a-b {SEED}\n",
            f"ed25519 a {SEED} 5\n",
            f"ed25519 a {SEED}\ned25519 b {OLD_SEED}\n",
            f"ed25519 a {SEED}\ned25519 b {OLD_SEED} soon\n",
        ):
            with self.subTest(text=text), self.assertRaises(Malformed):
                parse_own_keys(text)
        (self.folder / FILE_NAME).write_bytes(b"\xff")
        with self.assertRaises(Malformed):
            load_own_keys(self.folder)
