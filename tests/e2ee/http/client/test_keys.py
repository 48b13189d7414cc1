"""Tests of e2ee/http/client/keys.py: what clients upload, query and claim."""

from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred, gatherResults

from e2ee.core.cross_signing import USAGES, parse_cross_signing_key
from e2ee.core.one_time_keys import parse_one_time_keys
from homeserver.core.identifiers import ServerName, UserID
from homeserver.services.callers import Caller, RequestInfo
from homeserver.store import users
from homeserver.store.database import open_database
from homeserver.store.users import NewAccount
from tests.databases import DatabaseCase, each_database, fresh_settings
from tests.encryption import ALICE, BOB, LAPTOP, PHONE, Device, Encryption, Identity, shared_room
from tests.waiting import at_rest

UPLOAD = "/_matrix/client/v3/keys/upload"
QUERY = "/_matrix/client/v3/keys/query"
CLAIM = "/_matrix/client/v3/keys/claim"
CHANGES = "/_matrix/client/v3/keys/changes"
TWO = ServerName("two.example")
EVE = UserID("@eve:two.example")
CURVE = "signed_curve25519"


@each_database
class KeyTests(DatabaseCase):
    async def begin(self) -> None:
        self.services = Encryption(self.database)
        await self.services.user(ALICE, PHONE, LAPTOP)
        await self.services.user(BOB, PHONE)
        self.alice, self.bob = self.services.client("alice/PHONE"), self.services.client("bob/PHONE")
        self.phone = Device(ALICE, PHONE)

    async def upload(self, **body: Any) -> Any:
        response = await self.alice.post(UPLOAD, body)
        self.assertEqual(200, response.status, response.body)
        return response.json["one_time_key_counts"]

    async def claim(self, algorithm: str = CURVE) -> Any:
        response = await self.bob.post(CLAIM, {"one_time_keys": {ALICE: {PHONE: algorithm}}})
        self.assertEqual(200, response.status, response.body)
        return response.json["one_time_keys"].get(ALICE, {}).get(PHONE)

    async def test_what_was_uploaded_is_found(self) -> None:
        """With the device's name beside it; devices without keys are not there."""
        await self.begin()
        await self.upload(device_keys=self.phone.keys)
        found = (await self.bob.post(QUERY, {"device_keys": {ALICE: []}})).json

        self.assertEqual({PHONE}, set(found["device_keys"][ALICE]))
        keys = found["device_keys"][ALICE][PHONE]
        self.assertEqual({"device_display_name": PHONE}, keys.pop("unsigned"))
        self.assertEqual(self.phone.keys, keys)
        self.assertEqual({}, found["failures"])

    async def test_devices_can_be_asked_for_one_by_one(self) -> None:
        """A user that is not here has none."""
        await self.begin()
        await self.upload(device_keys=self.phone.keys)
        nobody = "@nobody:localhost"
        found = (await self.bob.post(QUERY, {"device_keys": {ALICE: [LAPTOP], nobody: []}})).json

        self.assertEqual({ALICE: {}, nobody: {}}, found["device_keys"])

    async def test_bad_uploads_are_refused(self) -> None:
        """Each with the spec's code, and nothing is stored."""
        await self.begin()
        cases: list[tuple[object, int, str]] = [
            ({"device_keys": Device(BOB, PHONE).keys}, 400, "M_INVALID_PARAM"),
            ({"device_keys": []}, 400, "M_BAD_JSON"),
            ({"device_keys": {**self.phone.keys, "algorithms": []}}, 400, "M_INVALID_SIGNATURE"),
            ({"one_time_keys": []}, 400, "M_BAD_JSON"),
            ({"one_time_keys": {"x": "y"}}, 400, "M_INVALID_PARAM"),
            ({"fallback_keys": {"x:y": 1}}, 400, "M_BAD_JSON"),
            ([], 400, "M_BAD_JSON"),
            (b"{", 400, "M_NOT_JSON"),
        ]
        for body, status, code in cases:
            response = await self.alice.post(UPLOAD, body)
            self.assertEqual((status, code), (response.status, response.errcode), body)
        self.assertEqual({CURVE: 0}, await self.upload())

    async def test_bad_questions_are_refused(self) -> None:
        """Wrong types, wrong users, missing parts."""
        await self.begin()
        for path, name in ((QUERY, "device_keys"), (CLAIM, "one_time_keys")):
            cases: list[Any] = [[], {"alice": []}, {ALICE: 1}, {ALICE: {PHONE: 1}}]
            for wrong in cases:
                response = await self.bob.post(path, {name: wrong})
                self.assertEqual(400, response.status, (path, wrong))
            self.assertEqual("M_MISSING_PARAM", (await self.bob.post(path, {})).errcode)
            self.assertEqual(400, (await self.bob.post(path, {name: {}, "timeout": "long"})).status)
            self.assertEqual(401, (await self.bob.signed_in(None).post(path, {name: {}})).status)

    async def test_each_one_time_key_is_given_out_once(self) -> None:
        """Those of an earlier upload first; then there is none."""
        await self.begin()
        first, second = self.phone.one_time_keys("Z"), self.phone.one_time_keys("A")
        self.assertEqual({CURVE: 1}, await self.upload(one_time_keys=first))
        self.assertEqual({CURVE: 2}, await self.upload(one_time_keys=second))

        self.assertEqual([first, second, None], [await self.claim() for _ in range(3)])
        self.assertEqual({CURVE: 0}, await self.upload())

    async def test_claims_at_once_get_different_keys(self) -> None:
        """However many come together, no key is given out twice, and all are."""
        await self.begin()
        names = [f"K{number}" for number in range(30)]
        await self.upload(one_time_keys=self.phone.one_time_keys(*names))
        claims = [ensureDeferred(self.claim()) for _ in range(40)]
        given = [name for keys in await gatherResults(claims) if keys is not None for name in keys]

        self.assertEqual(sorted(f"{CURVE}:{name}" for name in names), sorted(given))

    async def test_a_key_may_be_uploaded_again_but_not_changed(self) -> None:
        """Another key under the same ID would be given out for the first."""
        await self.begin()
        keys = self.phone.one_time_keys("A")
        await self.upload(one_time_keys=keys)
        self.assertEqual({CURVE: 1}, await self.upload(one_time_keys=keys))
        other = {f"{CURVE}:A": self.phone.one_time_keys("B")[f"{CURVE}:B"]}
        response = await self.alice.post(UPLOAD, {"one_time_keys": {**other, **self.phone.one_time_keys("C")}})

        self.assertEqual((400, "M_INVALID_PARAM"), (response.status, response.errcode))
        self.assertEqual({CURVE: 1}, await self.upload())
        self.assertEqual(keys, await self.claim())

    async def test_a_fallback_key_stands_in(self) -> None:
        """Again and again; its owner's sync says that it was used, until there is another."""
        await self.begin()
        keys = self.phone.one_time_keys("A")
        fallback = self.phone.one_time_keys("F", fallback=True)
        await self.upload(one_time_keys=keys, fallback_keys=fallback)
        self.assertEqual([CURVE], (await self.services.sync.sync(ALICE))["device_unused_fallback_key_types"])

        self.assertEqual([keys, fallback, fallback], [await self.claim() for _ in range(3)])
        self.assertEqual([], (await self.services.sync.sync(ALICE))["device_unused_fallback_key_types"])
        await self.upload(fallback_keys=fallback)
        self.assertEqual([], (await self.services.sync.sync(ALICE))["device_unused_fallback_key_types"])
        await self.upload(fallback_keys=self.phone.one_time_keys("G", fallback=True))
        self.assertEqual([CURVE], (await self.services.sync.sync(ALICE))["device_unused_fallback_key_types"])

    async def test_what_is_not_there_is_left_out(self) -> None:
        """Another algorithm, another device, another user."""
        await self.begin()
        await self.upload(one_time_keys=self.phone.one_time_keys("A"))
        wanted = {ALICE: {LAPTOP: CURVE, PHONE: "other"}, "@nobody:localhost": {PHONE: CURVE}}
        response = await self.bob.post(CLAIM, {"one_time_keys": wanted})

        self.assertEqual({"one_time_keys": {}, "failures": {}}, response.json)

    async def test_a_device_that_is_gone_publishes_nothing(self) -> None:
        """Nor does anything of it stay."""
        await self.begin()
        await self.upload(device_keys=self.phone.keys, one_time_keys=self.phone.one_time_keys("A"))
        await self.services.accounts.sessions.close_devices(ALICE, (PHONE,))

        self.assertEqual(403, (await self.alice.post(UPLOAD, {"device_keys": self.phone.keys})).status)
        self.assertIsNone(await self.claim())
        found = (await self.bob.post(QUERY, {"device_keys": {ALICE: []}})).json
        self.assertEqual({ALICE: {}}, found["device_keys"])

    async def test_changes_between_two_tokens(self) -> None:
        """Of those who share a room, and of oneself."""
        await self.begin()
        sync = self.services.sync
        room_id = await sync.new_room(BOB, preset="public_chat")
        await sync.join(room_id, ALICE)
        before = (await sync.sync(BOB))["next_batch"]
        await self.upload(device_keys=self.phone.keys)
        after = (await sync.sync(BOB))["next_batch"]

        changed = (await self.bob.get(CHANGES, from_=before, to=after)).json
        self.assertEqual({"changed": [ALICE], "left": []}, changed)
        self.assertEqual([], (await self.bob.get(CHANGES, from_=after, to=after)).json["changed"])
        self.assertEqual([ALICE], (await self.alice.get(CHANGES, from_=before, to=after)).json["changed"])

    async def test_tokens_must_be_tokens(self) -> None:
        """And both are needed."""
        await self.begin()
        self.assertEqual(400, (await self.bob.get(CHANGES, from_="x", to="s1_0")).status)
        self.assertEqual("M_MISSING_PARAM", (await self.bob.get(CHANGES, from_="s1_0")).errcode)


@each_database
class RemoteKeyTests(DatabaseCase):
    """Alice and Eve are on two servers."""

    async def begin(self) -> None:
        other = open_database(self.enterContext(fresh_settings(self.kind)), reactor)  # type: ignore[arg-type]
        self.addCleanup(other.close)
        self.one = Encryption(self.database)
        self.two = Encryption(other, TWO, self.one.network)
        await self.one.user(ALICE, PHONE)
        await self.two.user(EVE, PHONE)
        await self.two.database.write(_account, EVE)
        await self.one.start()
        await self.two.start()
        self.alice = self.one.client("alice/PHONE")
        self.eves_phone = Device(EVE, PHONE)
        await self.two.upload(self.eves_phone)

    async def query(self) -> Any:
        response = await self.alice.post(QUERY, {"device_keys": {EVE: []}})
        self.assertEqual(200, response.status, response.body)
        return response.json

    async def test_a_stranger_is_asked_for_each_time(self) -> None:
        """Nobody would tell when their devices change."""
        await self.begin()
        for _ in range(2):
            self.assertEqual([PHONE], list((await self.query())["device_keys"][EVE]))

        self.assertEqual([("query", TWO)] * 2, self.one.network.asked)

    async def test_who_shares_a_room_is_asked_for_once(self) -> None:
        """Updates come by themselves; a gap in them means asking again, before anybody queries."""
        await self.begin()
        await shared_room(self.one, ALICE, self.two, EVE)
        for _ in range(3):
            self.assertEqual([PHONE], list((await self.query())["device_keys"][EVE]))
        self.assertEqual([("query", TWO)], self.one.network.asked)

        laptop = Device(EVE, LAPTOP)
        await self.two.user(EVE, LAPTOP)
        await self.two.upload(laptop)
        await self.two.carry(self.one)
        await at_rest()
        self.assertIn(("user_devices", TWO), self.one.network.asked)
        self.one.network.asked.clear()
        for _ in range(2):
            self.assertEqual({PHONE, LAPTOP}, set((await self.query())["device_keys"][EVE]))
        self.assertEqual([], self.one.network.asked)

    async def test_updates_in_sequence_need_no_asking(self) -> None:
        """Once it is known as of which update a list is: new, renamed and deleted devices, and cross-signing keys."""
        await self.begin()
        await shared_room(self.one, ALICE, self.two, EVE)
        await self.query()
        await self.two.upload(Device(EVE, PHONE, "again"))
        await self.two.carry(self.one)
        await self.query()
        await at_rest()
        self.one.network.asked.clear()

        await self.two.user(EVE, LAPTOP)
        await self.two.upload(Device(EVE, LAPTOP))
        await self.two.carry(self.one)
        found = (await self.query())["device_keys"][EVE]
        self.assertEqual({"device_display_name": LAPTOP}, found[LAPTOP]["unsigned"])

        await self.two.accounts.sessions.close_devices(EVE, (PHONE,))
        await self.two.carry(self.one)
        self.assertEqual([LAPTOP], list((await self.query())["device_keys"][EVE]))

        identity = Identity(EVE)
        await _cross_sign(self.two, identity)
        await self.two.carry(self.one)
        found = await self.query()
        self.assertEqual(identity.key("master"), found["master_keys"][EVE])
        self.assertEqual(identity.key("self_signing"), found["self_signing_keys"][EVE])
        self.assertEqual({}, found["user_signing_keys"])
        self.assertEqual([], self.one.network.asked)

    async def test_clients_hear_of_changes_elsewhere(self) -> None:
        """Their sync goes on when the update comes."""
        await self.begin()
        await shared_room(self.one, ALICE, self.two, EVE)
        since = (await self.one.sync.sync(ALICE))["next_batch"]
        waiting = self.one.sync.start(ALICE, since, timeout_ms=30_000)
        await at_rest()
        self.assertNoResult(waiting)
        await self.two.upload(Device(EVE, PHONE, "again"))
        await self.two.carry(self.one)
        await self.one.sync.turn()

        self.assertEqual([EVE], (await waiting)["device_lists"]["changed"])

    async def test_silence_is_a_failure_of_that_server(self) -> None:
        """And of nothing else."""
        await self.begin()
        self.one.network.silent.add(TWO)
        found = (await self.alice.post(QUERY, {"device_keys": {EVE: [], ALICE: []}})).json

        self.assertEqual({TWO}, set(found["failures"]))
        self.assertEqual({ALICE}, set(found["device_keys"]))
        claimed = (await self.alice.post(CLAIM, {"one_time_keys": {EVE: {PHONE: CURVE}}})).json
        self.assertEqual(({TWO}, {}), (set(claimed["failures"]), claimed["one_time_keys"]))

    async def test_claims_cross_servers(self) -> None:
        """And the key is gone there."""
        await self.begin()
        keys = self.eves_phone.one_time_keys("A")
        await self.two.upload(self.eves_phone, one_time_keys=parse_one_time_keys(keys))
        for expected in ({EVE: {PHONE: keys}}, {}):
            response = await self.alice.post(CLAIM, {"one_time_keys": {EVE: {PHONE: CURVE}}})
            self.assertEqual({"one_time_keys": expected, "failures": {}}, response.json)

    async def test_a_list_is_forgotten_when_no_room_is_shared(self) -> None:
        """What changes from then on would go unheard."""
        await self.begin()
        room_id = await shared_room(self.one, ALICE, self.two, EVE)
        await self.query()
        await self.one.sync.member(room_id, EVE, "leave", ALICE)
        await self.one.settle()
        await self.query()

        self.assertEqual([("query", TWO)] * 2, self.one.network.asked)


async def _cross_sign(services: Encryption, identity: Identity) -> None:
    keys = {usage: parse_cross_signing_key(identity.key(usage), identity.user_id, usage, usage) for usage in USAGES}
    await services.cross_signing.upload(Caller(identity.user_id, PHONE), keys, None, RequestInfo("", ""))


def _account(tx: Any, user_id: UserID) -> None:
    users.insert_new(tx, NewAccount(user_id, None, 0))
