"""Tests of homeserver/core/addresses.py."""

from unittest import TestCase

from homeserver.core.addresses import is_public


class AddressTests(TestCase):
    """Which addresses are of the public internet."""

    def test_public_addresses(self) -> None:
        """Ordinary hosts, in both versions and in every disguise."""
        for address in ("8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"):
            with self.subTest(address=address):
                self.assertTrue(is_public(address))

    def test_private_addresses(self) -> None:
        """Loopback, private, link-local, shared, documentation, multicast, unspecified; also inside IPv6 addresses."""
        for address in (
            "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
            "192.0.2.1", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "ff02::1",
            "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b::a00:1",
            "localhost", "",
        ):  # fmt: skip
            with self.subTest(address=address):
                self.assertFalse(is_public(address))
