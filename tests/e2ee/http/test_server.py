"""Tests of e2ee/http/server.py: what other servers get of our users' keys."""

from e2ee.core.cross_signing import USAGES, parse_cross_signing_key
from e2ee.core.one_time_keys import parse_one_time_keys
from homeserver.services.callers import Caller, RequestInfo
from tests.databases import DatabaseCase, each_database
from tests.encryption import ALICE, BOB, LAPTOP, PHONE, Device, Encryption, Identity

QUERY = "/_matrix/federation/v1/user/keys/query"
CLAIM = "/_matrix/federation/v1/user/keys/claim"
DEVICES = "/_matrix/federation/v1/user/devices"
EVE = "@eve:two.example"


@each_database
class ServerTests(DatabaseCase):
    async def begin(self) -> None:
        self.services = Encryption(self.database)
        await self.services.user(ALICE, PHONE, LAPTOP)
        await self.services.user(BOB, PHONE)
        self.peer = self.services.client("peer")
        self.phone, self.identity = Device(ALICE, PHONE), Identity(ALICE)
        keys = parse_one_time_keys(self.phone.one_time_keys("A"))
        await self.services.upload(self.phone, one_time_keys=keys)
        signing = {each: parse_cross_signing_key(self.identity.key(each), ALICE, each, each) for each in USAGES}
        await self.services.cross_signing.upload(Caller(ALICE, PHONE), signing, None, RequestInfo("", ""))

    async def test_public_keys_are_told(self) -> None:
        """But not the user-signing key; and nothing of users of other servers."""
        await self.begin()
        found = (await self.peer.post(QUERY, {"device_keys": {ALICE: [], EVE: []}})).json

        self.assertEqual({ALICE}, set(found["device_keys"]))
        self.assertEqual({"device_display_name": PHONE}, found["device_keys"][ALICE][PHONE]["unsigned"])
        self.assertEqual({ALICE: self.identity.key("master")}, found["master_keys"])
        self.assertEqual({ALICE: self.identity.key("self_signing")}, found["self_signing_keys"])
        self.assertNotIn("user_signing_keys", found)

    async def test_a_one_time_key_is_given_out_once(self) -> None:
        """To whichever server comes first."""
        await self.begin()
        wanted = {"one_time_keys": {ALICE: {PHONE: "signed_curve25519"}, EVE: {PHONE: "signed_curve25519"}}}
        expected = {ALICE: {PHONE: self.phone.one_time_keys("A")}}
        for keys in (expected, {}):
            self.assertEqual({"one_time_keys": keys}, (await self.peer.post(CLAIM, wanted)).json)

    async def test_a_device_list_says_what_it_is_as_of(self) -> None:
        """Devices without keys are not in it."""
        await self.begin()
        await self.services.start()
        found = (await self.peer.get(f"{DEVICES}/{ALICE}")).json

        self.assertEqual((ALICE, 0), (found["user_id"], found["stream_id"]))
        self.assertEqual(
            [{"device_id": PHONE, "device_display_name": PHONE, "keys": self.phone.keys}], found["devices"]
        )
        self.assertEqual(self.identity.key("master"), found["master_key"])
        self.assertEqual([], (await self.peer.get(f"{DEVICES}/{BOB}")).json["devices"])

    async def test_there_are_no_lists_of_others(self) -> None:
        """Nor of those that are not."""
        await self.begin()
        for user_id in (EVE, "@nobody:localhost"):
            self.assertEqual(404, (await self.peer.get(f"{DEVICES}/{user_id}")).status)
        self.assertEqual(400, (await self.peer.get(f"{DEVICES}/nobody")).status)

    async def test_bad_questions_are_refused(self) -> None:
        """With 400, whatever they are."""
        await self.begin()
        for path, name in ((QUERY, "device_keys"), (CLAIM, "one_time_keys")):
            cases: list[object] = [{}, {name: []}, {name: {"x": {}}}, {name: {ALICE: 1}}, []]
            for body in cases:
                self.assertEqual(400, (await self.peer.post(path, body)).status, (path, body))
