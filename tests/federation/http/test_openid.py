"""Proofs of identity: given out to a client, and looked at by another service."""

from twisted.internet.task import Clock

from federation.http.server.openid import ServerOpenIDEndpoints
from homeserver.core.identifiers import ServerName, UserID
from homeserver.http.client.openid import OpenIDEndpoints
from homeserver.services.openid import LIFETIME_SECONDS, OpenID
from homeserver.store import users
from homeserver.store.users import NewAccount
from homeserver.store.write import Write
from tests.client import SERVER, Client, Response, a_site
from tests.databases import DatabaseCase, each_database

ALICE = UserID(f"@alice:{SERVER}")


@each_database
class OpenIDTests(DatabaseCase):
    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.clock = Clock()
        openid = OpenID(ServerName(SERVER), self.database, self.clock)
        self.client = Client(a_site(OpenIDEndpoints(openid), ServerOpenIDEndpoints(openid)), "alice")
        await self.database.write(users.insert_new, NewAccount(ALICE, None, 0))

    async def token(self, user_id: str = ALICE) -> Response:
        return await self.client.post(f"/_matrix/client/v3/user/{user_id}/openid/request_token", {})

    async def owner(self, **query: str) -> Response:
        return await Client(self.client.site).get("/_matrix/federation/v1/openid/userinfo", **query)

    async def test_a_token_tells_whose_it_is(self) -> None:
        """To anybody, for an hour, and as long as there is the account."""
        given = (await self.token()).json
        found = (await self.owner(access_token=given["access_token"])).json
        self.clock.advance(LIFETIME_SECONDS - 1)
        still = await self.owner(access_token=given["access_token"])
        fresh = (await self.token()).json["access_token"]
        self.clock.advance(1)
        expired = await self.owner(access_token=given["access_token"])
        await self.database.write(self.deactivate)

        named = ("token_type", "matrix_server_name", "expires_in")
        self.assertEqual(("Bearer", SERVER, 3600), tuple(given[name] for name in named))
        self.assertEqual(({"sub": ALICE}, 200), (found, still.status))
        for response in (expired, await self.owner(access_token=fresh), await self.owner(access_token="x")):
            self.assertEqual((401, "M_UNKNOWN_TOKEN"), (response.status, response.errcode))
        self.assertEqual("M_MISSING_PARAM", (await self.owner()).errcode)

    @staticmethod
    def deactivate(tx: Write) -> None:
        users.deactivate(tx, ALICE, erase=False)

    async def test_nobody_proves_to_be_somebody_else(self) -> None:
        """Only a token of one's own is given."""
        response = await self.token("@bob:localhost")

        self.assertEqual((403, "M_FORBIDDEN"), (response.status, response.errcode))
