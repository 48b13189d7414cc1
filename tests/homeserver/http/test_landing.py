"""The page at the server's address."""

from twisted.trial.unittest import TestCase

from homeserver.core.identifiers import ServerName
from homeserver.http.landing import LandingEndpoints, Welcome
from tests.client import Client, a_site

OPEN = Welcome(ServerName("localhost"), "http://127.0.0.1:8008", registration_open=True)


class LandingTests(TestCase):
    async def test_the_page_says_the_address_and_what_to_do(self) -> None:
        """The same as the terminal, and complete in itself."""
        response = await Client(a_site(LandingEndpoints(OPEN))).get("/")
        page = response.body.decode()

        self.assertEqual("text/html; charset=utf-8", response.headers["content-type"])
        for text in (OPEN.address, *OPEN.steps()):
            self.assertIn(text, page)
        self.assertNotIn("<script", page)
        self.assertNotIn("src=", page)

    async def test_names_are_escaped(self) -> None:
        """Whatever an administrator writes."""
        welcome = Welcome(ServerName("<b>"), "https://x/?a&b", registration_open=False)
        page = (await Client(a_site(LandingEndpoints(welcome))).get("/")).body

        self.assertNotIn(b"<b>", page)
        self.assertIn(b"https://x/?a&amp;b", page)

    def test_the_steps_fit_the_registration(self) -> None:
        """Open, by token, or by the administrators."""
        by_token = Welcome(OPEN.server_name, OPEN.address, registration_open=True, tokens_required=True)
        closed = Welcome(OPEN.server_name, OPEN.address, registration_open=False)

        self.assertIn("Create an account", OPEN.steps()[2])
        self.assertIn("token", by_token.steps()[2])
        self.assertIn("administrators", closed.steps()[2])
