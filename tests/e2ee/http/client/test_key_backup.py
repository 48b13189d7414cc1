"""Tests of e2ee/http/client/key_backup.py: encrypted keys of sessions, kept for a user."""

from typing import Any

from tests.databases import DatabaseCase, each_database
from tests.encryption import ALICE, BOB, PHONE, Encryption

VERSION = "/_matrix/client/v3/room_keys/version"
KEYS = "/_matrix/client/v3/room_keys/keys"
ALGORITHM = "m.megolm_backup.v1.curve25519-aes-sha2"
BACKUP = {"algorithm": ALGORITHM, "auth_data": {"public_key": "abc"}}
ROOM, OTHER_ROOM = "!room:localhost", "!other:localhost"


def key(index: int = 0, *, verified: bool = False, forwarded: int = 0, text: str = "x") -> dict[str, Any]:
    return {
        "first_message_index": index,
        "forwarded_count": forwarded,
        "is_verified": verified,
        "session_data": {"ciphertext": text},
    }


@each_database
class KeyBackupTests(DatabaseCase):
    async def begin(self) -> None:
        services = Encryption(self.database)
        await services.user(ALICE, PHONE)
        await services.user(BOB, PHONE)
        self.services = services
        self.alice, self.bob = services.client("alice/PHONE"), services.client("bob/PHONE")

    async def create(self) -> str:
        response = await self.alice.post(VERSION, BACKUP)
        self.assertEqual(200, response.status, response.body)
        version: str = response.json["version"]
        return version

    async def put(self, path: str, body: Any, version: str = "1") -> Any:
        response = await self.alice.put(f"{KEYS}{path}", body, version=version)
        self.assertEqual(200, response.status, response.body)
        return response.json

    async def test_the_newest_backup_is_the_current_one(self) -> None:
        """Versions are never used again, also of those that are deleted."""
        await self.begin()
        self.assertEqual(404, (await self.alice.get(VERSION)).status)
        self.assertEqual(["1", "2"], [await self.create(), await self.create()])
        current = (await self.alice.get(VERSION)).json
        self.assertEqual({**BACKUP, "count": 0, "etag": "0", "version": "2"}, current)

        self.assertEqual(200, (await self.alice.delete(f"{VERSION}/2")).status)
        self.assertEqual("1", (await self.alice.get(VERSION)).json["version"])
        self.assertEqual("3", await self.create())
        self.assertEqual(404, (await self.alice.get(f"{VERSION}/2")).status)

    async def test_what_was_deleted_can_be_deleted_again(self) -> None:
        """What never was there cannot.  Spec: client-server-api#delete_matrixclientv3room_keysversionversion"""
        await self.begin()
        await self.create()
        answers = [(await self.alice.delete(f"{VERSION}/{name}")).status for name in ("1", "1", "2", "x")]

        self.assertEqual([200, 200, 404, 404], answers)

    async def test_auth_data_can_change_and_the_algorithm_not(self) -> None:
        """Nor can a body speak of another version than the path."""
        await self.begin()
        await self.create()
        update = {**BACKUP, "auth_data": {"public_key": "def"}}
        self.assertEqual(200, (await self.alice.put(f"{VERSION}/1", {**update, "version": "1"})).status)
        self.assertEqual(update["auth_data"], (await self.alice.get(f"{VERSION}/1")).json["auth_data"])

        for wrong in ({**update, "algorithm": "other"}, {**update, "version": "2"}):
            response = await self.alice.put(f"{VERSION}/1", wrong)
            self.assertEqual((400, "M_INVALID_PARAM"), (response.status, response.errcode))
        self.assertEqual(404, (await self.alice.put(f"{VERSION}/7", update)).status)

    async def test_keys_come_back_as_they_went_in(self) -> None:
        """All, of one room, of one session; with their count and a tag that changes."""
        await self.begin()
        await self.create()
        self.assertEqual({"count": 1, "etag": "1"}, await self.put(f"/{ROOM}/s1", key(1)))
        self.assertEqual({"count": 2, "etag": "2"}, await self.put(f"/{ROOM}", {"sessions": {"s/2": key(2)}}))
        rooms = {"rooms": {OTHER_ROOM: {"sessions": {"s3": key(3)}}}}
        self.assertEqual({"count": 3, "etag": "3"}, await self.put("", rooms))

        everything = (await self.alice.get(KEYS, version="1")).json
        expected = {ROOM: {"sessions": {"s1": key(1), "s/2": key(2)}}, **rooms["rooms"]}
        self.assertEqual({"rooms": expected}, everything)
        self.assertEqual(expected[ROOM], (await self.alice.get(f"{KEYS}/{ROOM}", version="1")).json)
        self.assertEqual(key(2), (await self.alice.get(f"{KEYS}/{ROOM}/s%2F2", version="1")).json)
        self.assertEqual(404, (await self.alice.get(f"{KEYS}/{ROOM}/other", version="1")).status)
        self.assertEqual({"sessions": {}}, (await self.alice.get(f"{KEYS}/!none:localhost", version="1")).json)

    async def test_the_better_key_stays(self) -> None:
        """And the tag changes only when a key does."""
        await self.begin()
        await self.create()
        await self.put(f"/{ROOM}/s1", key(5, text="held"))
        self.assertEqual({"count": 1, "etag": "1"}, await self.put(f"/{ROOM}/s1", key(6)))
        self.assertEqual(key(5, text="held"), (await self.alice.get(f"{KEYS}/{ROOM}/s1", version="1")).json)
        self.assertEqual({"count": 1, "etag": "2"}, await self.put(f"/{ROOM}/s1", key(9, verified=True)))
        self.assertEqual(key(9, verified=True), (await self.alice.get(f"{KEYS}/{ROOM}/s1", version="1")).json)

    async def test_keys_go_into_the_current_backup_only(self) -> None:
        """Who writes to another is told which it is; reading is free."""
        await self.begin()
        await self.create()
        await self.put(f"/{ROOM}/s1", key())
        await self.create()
        response = await self.alice.put(f"{KEYS}/{ROOM}/s2", key(), version="1")
        self.assertEqual((403, "M_WRONG_ROOM_KEYS_VERSION"), (response.status, response.errcode))
        self.assertEqual("2", response.json["current_version"])

        self.assertEqual(200, (await self.alice.get(KEYS, version="1")).status)
        self.assertEqual(404, (await self.alice.put(f"{KEYS}/{ROOM}/s2", key(), version="7")).status)

    async def test_keys_can_be_deleted(self) -> None:
        """One, a room's, all."""
        await self.begin()
        await self.create()
        sessions = {"sessions": {"s1": key(), "s2": key()}}
        await self.put("", {"rooms": {ROOM: sessions, OTHER_ROOM: sessions}})
        for path, count, etag in ((f"/{ROOM}/s1", 3, "2"), (f"/{OTHER_ROOM}", 1, "3"), ("", 0, "4"), ("", 0, "4")):
            response = await self.alice.delete(f"{KEYS}{path}", version="1")
            self.assertEqual((200, {"count": count, "etag": etag}), (response.status, response.json))

    async def test_a_backup_is_its_users_alone(self) -> None:
        """Others have none of that version."""
        await self.begin()
        await self.create()
        await self.put(f"/{ROOM}/s1", key())
        self.assertEqual(404, (await self.bob.get(KEYS, version="1")).status)
        self.assertEqual(404, (await self.bob.delete(f"{VERSION}/1")).status)

    async def test_bad_input_is_refused(self) -> None:
        """With 4xx, whatever it is."""
        await self.begin()
        await self.create()
        bodies: list[Any] = [{}, {"algorithm": 1, "auth_data": {}}, {"algorithm": "x", "auth_data": []}, []]
        for body in bodies:
            self.assertEqual(400, (await self.alice.post(VERSION, body)).status, body)
        for wrong in (
            {},
            {**key(), "is_verified": "yes"},
            {**key(), "session_data": ""},
            {**key(), "forwarded_count": 1.5},
        ):
            self.assertEqual(400, (await self.alice.put(f"{KEYS}/{ROOM}/s", wrong, version="1")).status, wrong)
        self.assertEqual(400, (await self.alice.put(f"{KEYS}/notaroom/s", key(), version="1")).status)
        self.assertEqual(400, (await self.alice.put(KEYS, {"rooms": {"x": {"sessions": {}}}}, version="1")).status)
        self.assertEqual("M_MISSING_PARAM", (await self.alice.get(KEYS)).errcode)
        for version in ("x", "-1", "9" * 40):
            self.assertEqual(404, (await self.alice.get(KEYS, version=version)).status)

    async def test_with_the_account_its_backups_go(self) -> None:
        """Nobody can read them."""
        await self.begin()
        await self.create()
        await self.services.accounts.deactivation.end(ALICE, erase=False)

        self.assertEqual(404, (await self.alice.get(VERSION)).status)
