"""What the protocol lets administrators do: looking up, locking, suspending; and what that does to accounts."""

from attrs import evolve

from homeserver.services.callers import Caller
from tests.accounts import PASSWORD
from tests.administration import AdministrationCase, user
from tests.client import Client
from tests.databases import each_database
from tests.room_api import RoomAPICase

V1, V3 = "/_matrix/client/v1", "/_matrix/client/v3"
LOCK, SUSPEND = f"{V1}/admin/lock", f"{V1}/admin/suspend"


class ModerationTests(AdministrationCase):
    """Who may lock and suspend whom."""

    async def test_both_are_set_and_told(self) -> None:
        """And taken back."""
        for path, name in ((LOCK, "locked"), (SUSPEND, "suspended")):
            for value in (True, False):
                with self.subTest(path=path, value=value):
                    answered = await self.root.put(f"{path}/{user('alice')}", {name: value})
                    told = await self.root.get(f"{path}/{user('alice')}")

                    self.assertEqual((200, {name: value}), (answered.status, answered.json))
                    self.assertEqual({name: value}, told.json)

    async def test_refusals(self) -> None:
        """In the order that the spec wants: who asks goes first, then whose user it is, then whether there is one."""
        await self.done("POST", f"/users/{user('bob')}/deactivate", {})
        for path, name in ((LOCK, "locked"), (SUSPEND, "suspended")):
            for client, target, status, code in (
                (self.alice, user("nobody"), 403, "M_FORBIDDEN"),
                (self.root, "@x:elsewhere.org", 400, "M_INVALID_PARAM"),
                (self.root, user("nobody"), 404, "M_NOT_FOUND"),
                (self.root, user("bob"), 404, "M_NOT_FOUND"),
            ):
                with self.subTest(path=path, target=target):
                    read = await client.get(f"{path}/{target}")
                    written = await client.put(f"{path}/{target}", {name: True})

                    self.assertEqual([(status, code)] * 2, [(each.status, each.errcode) for each in (read, written)])
            own = await self.root.put(f"{path}/{user('root')}", {name: True})
            await self.done("PUT", f"/users/{user('alice')}", {"is_admin": True})
            other = await self.root.put(f"{path}/{user('alice')}", {name: True})
            told = await self.root.get(f"{path}/{user('alice')}")
            await self.done("PUT", f"/users/{user('alice')}", {"is_admin": False})
            bad = await self.root.put(f"{path}/{user('alice')}", {name: "yes"})

            self.assertEqual(
                [(403, "M_FORBIDDEN"), (403, "M_FORBIDDEN"), (403, "M_FORBIDDEN"), (400, "M_BAD_JSON")],
                [(each.status, each.errcode) for each in (own, other, told, bad)],
            )

    async def test_the_capability_is_told_to_those_who_have_it(self) -> None:
        """And left out for others."""
        root, alice = [(await each.get(f"{V3}/capabilities")).json["capabilities"] for each in (self.root, self.alice)]

        self.assertEqual({"suspend": True, "lock": True}, root["m.account_moderation"])
        self.assertNotIn("m.account_moderation", alice)


@each_database
class LockedTests(AdministrationCase):
    """Accounts that are locked."""

    async def test_every_request_but_logging_out_is_refused(self) -> None:
        """At once, softly; the session is there again when the lock is lifted."""
        self.assertEqual(200, (await self.alice.get(f"{V3}/devices")).status)
        await self.root.put(f"{LOCK}/{user('alice')}", {"locked": True})
        for method, path in (
            ("GET", f"{V3}/devices"),
            ("GET", f"{V3}/capabilities"),
            ("PUT", f"{V3}/profile/{user('alice')}/displayname"),
            ("GET", "/_folkmoot/admin/v1/users"),
            ("GET", f"{LOCK}/{user('bob')}"),
        ):
            with self.subTest(path=path):
                refused = await self.alice.request(method, path)

                self.assertEqual((401, "M_USER_LOCKED"), (refused.status, refused.errcode))
                self.assertIs(True, refused.json["soft_logout"])
        await self.root.put(f"{LOCK}/{user('alice')}", {"locked": False})

        self.assertEqual(200, (await self.alice.get(f"{V3}/devices")).status)

    async def test_logging_out_works(self) -> None:
        """And then the token is gone."""
        await self.root.put(f"{LOCK}/{user('alice')}", {"locked": True})
        out = await self.alice.post(f"{V3}/logout")
        self.assertEqual((200, 401), (out.status, (await self.alice.get(f"{V3}/devices")).status))
        await self.root.put(f"{LOCK}/{user('bob')}", {"locked": True})

        self.assertEqual(200, (await self.bob.post(f"{V3}/logout/all")).status)

    async def test_nobody_logs_in_or_refreshes(self) -> None:
        """Who knows the password is told why; who does not, nothing."""
        body = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": "alice"}, "refresh_token": True}
        opened = await Client(self.site).post(f"{V3}/login", {**body, "password": PASSWORD})
        await self.root.put(f"{LOCK}/{user('alice')}", {"locked": True})
        login = await Client(self.site).post(f"{V3}/login", {**body, "password": PASSWORD})
        guess = await Client(self.site).post(f"{V3}/login", {**body, "password": "wrong"})
        refreshed = await Client(self.site).post(f"{V3}/refresh", {"refresh_token": opened.json["refresh_token"]})

        self.assertEqual(
            [(401, "M_USER_LOCKED"), (403, "M_FORBIDDEN"), (401, "M_USER_LOCKED")],
            [(each.status, each.errcode) for each in (login, guess, refreshed)],
        )


class WhoIsTests(AdministrationCase):
    """From where somebody was seen."""

    async def test_administrators_and_oneself_are_told(self) -> None:
        """Of each device, the last connection."""
        await self.alice.get(f"{V3}/devices")
        own = await self.alice.get(f"{V3}/admin/whois/{user('alice')}")
        told = await self.root.get(f"{V3}/admin/whois/{user('alice')}")
        other = await self.bob.get(f"{V3}/admin/whois/{user('alice')}")
        nobody = await self.root.get(f"{V3}/admin/whois/{user('nobody')}")

        self.assertEqual((200, own.json), (own.status, told.json))
        (device,) = told.json["devices"].values()
        self.assertEqual("192.0.2.1", device["sessions"][0]["connections"][0]["ip"])
        self.assertEqual(
            [(403, "M_FORBIDDEN"), (404, "M_NOT_FOUND")], [(each.status, each.errcode) for each in (other, nobody)]
        )


class SuspendedTests(RoomAPICase):
    """Accounts that may look on."""

    async def test_looking_on_and_leaving_is_all(self) -> None:
        """What the spec forbids is refused with its code; the rest works."""
        room_id = await self.alice.create_room(preset="public_chat", invite=[self.bob.user_id])
        other = await self.alice.create_room(preset="public_chat")
        await self.bob.join(room_id)
        own = await self.bob.say(room_id, "mine")
        theirs = await self.alice.say(room_id, "theirs")
        room = f"{V3}/rooms/{room_id}"
        caller = self.api.tokens.callers["bob"]
        self.api.tokens.callers["bob"] = _suspended(caller)
        forbidden = [
            await self.bob.client.post(f"{V3}/join/{other}", {}),
            await self.bob.client.post(f"{V3}/rooms/{other}/join", {}),
            await self.bob.client.post(f"{V3}/knock/{other}", {}),
            await self.bob.client.post(f"{V3}/createRoom", {}),
            await self.bob.client.post(f"{room}/invite", {"user_id": self.alice.user_id}),
            await self.bob.client.put(f"{room}/send/m.room.message/1", {"msgtype": "m.text", "body": "x"}),
            await self.bob.client.put(f"{room}/state/m.room.topic", {"topic": "x"}),
            await self.bob.client.put(
                f"{room}/state/m.room.member/{self.bob.user_id}", {"membership": "join", "displayname": "x"}
            ),
            await self.bob.client.put(f"{room}/redact/{theirs}/2", {}),
            await self.bob.client.put(f"{room}/send/m.room.redaction/3", {"redacts": theirs}),
        ]
        allowed = [
            await self.bob.client.get(f"{room}/messages", dir="b"),
            await self.bob.client.put(f"{room}/redact/{own}/4", {}),
            await self.bob.client.post(f"{room}/leave", {}),
        ]

        self.assertEqual([(403, "M_USER_SUSPENDED")] * 10, [(each.status, each.errcode) for each in forbidden])
        self.assertEqual([200] * 3, [each.status for each in allowed])

    async def test_leaving_by_state_is_leaving(self) -> None:
        """A room can be left by either way."""
        room_id = await self.alice.create_room(preset="public_chat")
        await self.bob.join(room_id)
        self.api.tokens.callers["bob"] = _suspended(self.api.tokens.callers["bob"])
        left = await self.bob.client.put(
            f"{V3}/rooms/{room_id}/state/m.room.member/{self.bob.user_id}", {"membership": "leave"}
        )

        self.assertEqual(200, left.status)


def _suspended(caller: Caller) -> Caller:
    return evolve(caller, is_suspended=True)
