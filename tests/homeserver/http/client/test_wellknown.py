"""Where to find this server."""

import pytest
from twisted.trial.unittest import TestCase

from homeserver.core.identifiers import UserID
from homeserver.http.client.wellknown import ContactSettings, SupportSettings, WellKnownEndpoints
from tests.client import Client, a_site


def a_client(public_baseurl: str | None, support: SupportSettings | None = None) -> Client:
    return Client(a_site(WellKnownEndpoints(public_baseurl, support or SupportSettings())))


class WellKnownTests(TestCase):
    async def test_clients_are_told_the_base_url(self) -> None:
        """As it is set."""
        response = await a_client("https://matrix.example.org").get("/.well-known/matrix/client")

        self.assertEqual({"m.homeserver": {"base_url": "https://matrix.example.org"}}, response.json)

    async def test_servers_are_told_host_and_port(self) -> None:
        """The port is always said: without one, servers would try another."""
        for url, server in (
            ("https://matrix.example.org", "matrix.example.org:443"),
            ("https://matrix.example.org:8448/", "matrix.example.org:8448"),
            ("https://[2001:db8::1]:8448", "[2001:db8::1]:8448"),
        ):
            with self.subTest(url=url):
                response = await a_client(url).get("/.well-known/matrix/server")

                self.assertEqual({"m.server": server}, response.json)

    async def test_a_server_without_tls_is_for_nobody_else(self) -> None:
        """Other servers ask over TLS only."""
        for url in (None, "http://127.0.0.1:8008"):
            with self.subTest(url=url):
                response = await a_client(url).get("/.well-known/matrix/server")

                self.assertEqual((404, "M_NOT_FOUND"), (response.status, response.errcode))

    async def test_support_is_told_when_there_is_any(self) -> None:
        """Contacts, a page, or neither."""
        contact = ContactSettings(matrix_id=UserID("@admin:example.org"))
        told = await a_client(None, SupportSettings((contact,))).get("/.well-known/matrix/support")
        page = await a_client(None, SupportSettings((), "https://help.example")).get("/.well-known/matrix/support")
        nothing = await a_client(None).get("/.well-known/matrix/support")

        self.assertEqual({"contacts": [{"role": "m.role.admin", "matrix_id": "@admin:example.org"}]}, told.json)
        self.assertEqual({"support_page": "https://help.example"}, page.json)
        self.assertEqual(404, nothing.status)


def test_a_contact_can_be_contacted() -> None:
    """One of the two ways at least."""
    with pytest.raises(ValueError, match="matrix_id"):
        ContactSettings()
