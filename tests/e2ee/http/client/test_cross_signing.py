"""Tests of e2ee/http/client/cross_signing.py: keys that sign keys, and who may see what was signed."""

from typing import Any

from homeserver.core.identifiers import DeviceID
from homeserver.services.callers import Caller
from homeserver.services.refusals import Forbidden
from homeserver.services.sessions import NewSession
from tests.accounts import by_password
from tests.databases import DatabaseCase, each_database
from tests.encryption import ALICE, BOB, LAPTOP, PHONE, Device, Encryption, Identity

KEYS = "/_matrix/client/v3/keys/device_signing/upload"
SIGNATURES = "/_matrix/client/v3/keys/signatures/upload"
QUERY = "/_matrix/client/v3/keys/query"
IDENTITY, BOBS = Identity(ALICE), Identity(BOB)


@each_database
class CrossSigningTests(DatabaseCase):
    async def begin(self) -> None:
        self.services = Encryption(self.database)
        await self.services.user(ALICE, PHONE, LAPTOP)
        await self.services.user(BOB, PHONE)
        self.alice, self.bob = self.services.client("alice/PHONE"), self.services.client("bob/PHONE")

    async def query(self, client: Any, *users: str) -> Any:
        return (await client.post(QUERY, {"device_keys": {user: [] for user in users or (ALICE,)}})).json

    async def test_the_first_keys_need_no_password(self) -> None:
        """They are there for all to see, but for the user-signing key."""
        await self.begin()
        self.assertEqual(200, (await self.alice.post(KEYS, IDENTITY.upload)).status)

        own, others = await self.query(self.alice), await self.query(self.bob)
        for found in (own, others):
            self.assertEqual(IDENTITY.key("master"), found["master_keys"][ALICE])
            self.assertEqual(IDENTITY.key("self_signing"), found["self_signing_keys"][ALICE])
        self.assertEqual(IDENTITY.key("user_signing"), own["user_signing_keys"][ALICE])
        self.assertEqual({}, others["user_signing_keys"])

    async def test_the_same_again_needs_none_either(self) -> None:
        """An answer may have been lost."""
        await self.begin()
        for _ in range(2):
            self.assertEqual(200, (await self.alice.post(KEYS, IDENTITY.upload)).status)

    async def test_other_keys_need_the_password(self) -> None:
        """Also a key for one use alone; what was proved for some keys uploads no others."""
        await self.begin()
        await self.alice.post(KEYS, IDENTITY.upload)
        other, third = Identity(ALICE, "other").upload, Identity(ALICE, "third").upload
        challenge = await self.alice.post(KEYS, other)
        self.assertEqual((401, [{"stages": ["m.login.password"]}]), (challenge.status, challenge.json["flows"]))
        self.assertEqual(IDENTITY.key("master"), (await self.query(self.bob))["master_keys"][ALICE])
        auth = by_password(session=challenge.json["session"])

        self.assertEqual(401, (await self.alice.post(KEYS, {**third, "auth": auth})).status)
        self.assertEqual(200, (await self.alice.post(KEYS, {**other, "auth": auth})).status)
        found = await self.query(self.bob)
        self.assertEqual(other["master_key"], found["master_keys"][ALICE])

    async def test_application_services_are_trusted(self) -> None:
        """They have no password to prove."""
        await self.begin()
        await self.alice.post(KEYS, IDENTITY.upload)
        self.services.tokens.callers["bridge"] = Caller(ALICE, None, appservice_id="bridge")
        client = self.alice.signed_in("bridge")

        self.assertEqual(200, (await client.post(KEYS, Identity(ALICE, "other").upload)).status)

    async def test_bad_keys_are_refused(self) -> None:
        """Each with the spec's code."""
        await self.begin()
        unsigned = IDENTITY.key("self_signing", None)
        cases: list[tuple[object, str]] = [
            ({"self_signing_key": IDENTITY.key("self_signing")}, "M_MISSING_PARAM"),
            ({"master_key": IDENTITY.key("master"), "self_signing_key": unsigned}, "M_INVALID_SIGNATURE"),
            ({"master_key": BOBS.key("master")}, "M_INVALID_PARAM"),
            ({"master_key": IDENTITY.key("self_signing")}, "M_INVALID_PARAM"),
            ({"master_key": {}}, "M_MISSING_PARAM"),
            ({"master_key": []}, "M_BAD_JSON"),
            ([], "M_BAD_JSON"),
        ]
        for body, code in cases:
            response = await self.alice.post(KEYS, body)
            self.assertEqual((400, code), (response.status, response.errcode), body)
        self.assertEqual({}, (await self.query(self.alice))["master_keys"])

    async def test_keys_and_devices_are_not_called_the_same(self) -> None:
        """Neither a key like a device nor a device like a key."""
        await self.begin()
        sessions = self.services.accounts.sessions
        await sessions.open(ALICE, NewSession(DeviceID(IDENTITY.public("master"))))
        self.assertEqual(403, (await self.alice.post(KEYS, IDENTITY.upload)).status)

        await self.bob.post(KEYS, BOBS.upload)
        with self.assertRaises(Forbidden):
            await sessions.open(BOB, NewSession(DeviceID(BOBS.public("self_signing"))))

    async def test_a_user_signs_their_devices(self) -> None:
        """Others see it; and so does a device's signature on the master key."""
        await self.begin()
        phone = Device(ALICE, PHONE)
        await self.services.upload(phone)
        await self.alice.post(KEYS, IDENTITY.upload)
        master = IDENTITY.key("master")
        body = {
            ALICE: {
                PHONE: IDENTITY.sign(phone.keys, "self_signing"),
                IDENTITY.public("master"): phone.sign(master),
            }
        }
        self.assertEqual({"failures": {}}, (await self.alice.post(SIGNATURES, body)).json)

        found = await self.query(self.bob)
        self.assertEqual(
            {"ed25519:PHONE", f"ed25519:{IDENTITY.public('self_signing')}"},
            set(found["device_keys"][ALICE][PHONE]["signatures"][ALICE]),
        )
        self.assertEqual({"ed25519:PHONE"}, set(found["master_keys"][ALICE]["signatures"][ALICE]))

    async def test_whom_a_user_trusts_is_nobody_elses_business(self) -> None:
        """A signature on another's master key is seen by the signer alone; whose other devices hear of it."""
        await self.begin()
        await self.alice.post(KEYS, IDENTITY.upload)
        await self.bob.post(KEYS, BOBS.upload)
        since = (await self.services.sync.sync(ALICE))["next_batch"]
        bobs_since = (await self.services.sync.sync(BOB))["next_batch"]
        signed = IDENTITY.sign(BOBS.key("master"), "user_signing")
        response = await self.alice.post(SIGNATURES, {BOB: {BOBS.public("master"): signed}})
        self.assertEqual({"failures": {}}, response.json)

        seen = [(await self.query(client, BOB))["master_keys"][BOB] for client in (self.alice, self.bob)]
        self.assertEqual([[ALICE], []], [list(key.get("signatures", {})) for key in seen])
        self.assertEqual([BOB], (await self.services.sync.sync(ALICE, since))["device_lists"]["changed"])
        self.assertNotIn("device_lists", await self.services.sync.sync(BOB, bobs_since))

    async def test_bad_signatures_are_named(self) -> None:
        """The good ones beside them count."""
        await self.begin()
        phone = Device(ALICE, PHONE)
        await self.services.upload(phone)
        await self.services.upload(Device(BOB, PHONE))
        await self.alice.post(KEYS, IDENTITY.upload)
        await self.bob.post(KEYS, BOBS.upload)
        self_signing = f"ed25519:{IDENTITY.public('self_signing')}"
        body = {
            ALICE: {
                PHONE: IDENTITY.sign(phone.keys, "self_signing"),
                LAPTOP: Device(ALICE, LAPTOP).keys,
                IDENTITY.public("master"): {
                    **IDENTITY.key("master"),
                    "signatures": {ALICE: {"ed25519:PHONE": "A" * 86}},
                },
            },
            BOB: {
                PHONE: IDENTITY.sign(Device(BOB, PHONE).keys, "self_signing"),
                BOBS.public("master"): {**BOBS.key("master"), "usage": ["other"]},
            },
        }
        failures = (await self.alice.post(SIGNATURES, body)).json["failures"]

        codes = {user: {key: fault["errcode"] for key, fault in of.items()} for user, of in failures.items()}
        expected = {
            ALICE: {LAPTOP: "M_NOT_FOUND", IDENTITY.public("master"): "M_INVALID_SIGNATURE"},
            BOB: {PHONE: "M_FORBIDDEN", BOBS.public("master"): "M_INVALID_PARAM"},
        }
        self.assertEqual(expected, codes)
        found = await self.query(self.bob)
        self.assertIn(self_signing, found["device_keys"][ALICE][PHONE]["signatures"][ALICE])

    async def test_what_a_replaced_key_signed_counts_no_more(self) -> None:
        """Nor do signatures on the device when its keys are others."""
        await self.begin()
        phone = Device(ALICE, PHONE)
        await self.services.upload(phone)
        await self.alice.post(KEYS, IDENTITY.upload)
        await self.alice.post(SIGNATURES, {ALICE: {PHONE: IDENTITY.sign(phone.keys, "self_signing")}})
        self.services.tokens.callers["bridge"] = Caller(ALICE, None, appservice_id="bridge")
        await self.alice.signed_in("bridge").post(KEYS, Identity(ALICE, "other").upload)

        found = await self.query(self.bob)
        self.assertEqual({"ed25519:PHONE"}, set(found["device_keys"][ALICE][PHONE]["signatures"][ALICE]))

    async def test_bodies_of_another_form_are_refused(self) -> None:
        """Before anything is looked at."""
        await self.begin()
        bodies: list[Any] = [[], {"alice": {}}, {ALICE: []}, {ALICE: {PHONE: 1}}]
        for body in bodies:
            self.assertEqual(400, (await self.alice.post(SIGNATURES, body)).status, body)

    async def test_with_the_account_its_keys_go(self) -> None:
        """Nobody will sign with them again."""
        await self.begin()
        await self.services.upload(Device(ALICE, PHONE))
        await self.alice.post(KEYS, IDENTITY.upload)
        await self.services.accounts.deactivation.end(ALICE, erase=False)

        found = await self.query(self.bob)
        self.assertEqual(({ALICE: {}}, {}), (found["device_keys"], found["master_keys"]))
