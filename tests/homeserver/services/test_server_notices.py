"""Tests of what the server tells its users."""

from homeserver.core.account_data import TAG
from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import UserID
from homeserver.core.versions import ROOM_VERSIONS
from homeserver.services.account_data import AccountData
from homeserver.services.push_rules import PushRuleBook
from homeserver.services.refusals import BadState, NotFound
from homeserver.services.server_notices import ServerNotices, ServerNoticesSettings
from homeserver.services.tags import Tags
from homeserver.store import users
from tests.room_api import HERE, RoomAPICase

HELLO: JSONObject = {"msgtype": "m.server_notice", "body": "Hello"}


class ServerNoticesTests(RoomAPICase):
    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        self.notices = self.some(ServerNoticesSettings())
        self.api.rooms.timeline.member_guards.guards.append(self.notices)

    def some(self, settings: ServerNoticesSettings) -> ServerNotices:
        api = self.api
        tags = Tags(self.database, AccountData(self.database, PushRuleBook(self.database)))
        rooms = api.rooms
        version = ROOM_VERSIONS["12"]
        return ServerNotices(
            HERE, settings, version, self.database, rooms.timeline, rooms.live_rooms, api.memberships, tags
        )

    async def test_each_user_has_one_room_of_notices(self) -> None:
        """The first notice makes a room, invites, and tags; the next goes to the same."""
        await self.notices.send(self.alice.user_id, HELLO)
        room_id = await self.notices.room_of(self.alice.user_id)
        assert room_id is not None
        row = (await self.api.memberships.of(self.alice.user_id)).rows[room_id]
        await self.alice.join(room_id)
        event_id = await self.notices.send(self.alice.user_id, {"msgtype": "m.text", "body": "Again"})

        self.assertEqual("invite", row.membership)
        self.assertEqual(["Hello", "Again"], await self.alice.texts(room_id))
        self.assertEqual(200, (await self.alice.room(room_id, f"event/{event_id}")).status)
        self.assertIn("m.server_notice", await self.notices.tags.of_room(self.alice.user_id, room_id))
        self.assertIsNone(await self.notices.room_of(self.bob.user_id))

    async def test_the_invite_cannot_be_rejected(self) -> None:
        """Neither by /leave nor by a member event; who has joined may leave, and the next notice invites again."""
        await self.notices.send(self.alice.user_id, HELLO)
        room_id = await self.notices.room_of(self.alice.user_id)
        assert room_id is not None
        by_leave = await self.alice.act(room_id, "leave")
        by_state = await self.alice.set_state(room_id, "m.room.member", {"membership": "leave"}, self.alice.user_id)
        await self.alice.join(room_id)
        after_join = await self.alice.act(room_id, "leave")
        await self.notices.send(self.alice.user_id, HELLO)

        self.assert_refused(403, "M_CANNOT_LEAVE_SERVER_NOTICE_ROOM", by_leave)
        self.assert_refused(403, "M_CANNOT_LEAVE_SERVER_NOTICE_ROOM", by_state)
        self.assertEqual(200, after_join.status)
        self.assertEqual("invite", (await self.api.memberships.of(self.alice.user_id)).rows[room_id].membership)

    async def test_an_ended_account_leaves(self) -> None:
        """What ends an account takes it out of the room as out of all others."""
        await self.notices.send(self.alice.user_id, HELLO)
        room_id = await self.notices.room_of(self.alice.user_id)
        assert room_id is not None
        await self.database.write(lambda tx: users.deactivate(tx, self.alice.user_id, erase=False))

        self.assertEqual(200, (await self.alice.act(room_id, "leave")).status)

    async def test_only_the_server_speaks_there(self) -> None:
        """The user reads, and can neither answer nor invite others."""
        await self.notices.send(self.alice.user_id, HELLO)
        room_id = await self.notices.room_of(self.alice.user_id)
        assert room_id is not None
        await self.alice.join(room_id)
        said = await self.alice.client.put(f"/_matrix/client/v3/rooms/{room_id}/send/m.room.message/x", HELLO)
        invited = await self.alice.act(room_id, "invite", user_id=self.bob.user_id)

        self.assert_refused(403, "M_FORBIDDEN", said)
        self.assert_refused(403, "M_FORBIDDEN", invited)

    async def test_a_room_that_was_taken_away_is_replaced(self) -> None:
        """Where the server's account is not in the room any more, there is a new one."""
        await self.notices.send(self.alice.user_id, HELLO)
        first = await self.notices.room_of(self.alice.user_id)
        assert first is not None
        self.api.tokens.callers["notices"] = self.api.tokens.callers["alice"].__class__(self.notices.user_id, None)
        server = self.alice.client.signed_in("notices")
        await server.post(f"/_matrix/client/v3/rooms/{first}/leave", {})
        await self.notices.send(self.alice.user_id, HELLO)

        self.assertNotEqual(first, await self.notices.room_of(self.alice.user_id))

    async def test_nobody_else_is_told(self) -> None:
        """Users of other servers and unknown ones have no such room."""
        for user_id in ("@who:one.example", f"@nobody:{HERE}"):
            with self.assertRaises(NotFound):
                await self.notices.send(UserID(user_id), HELLO)

    async def test_somebody_elses_account_does_not_speak(self) -> None:
        """A name that somebody with a password had first is not taken over."""
        await self.database.write(lambda tx: users.set_password_hash(tx, self.bob.user_id, "hash"))
        with self.assertRaises(BadState):
            await self.some(ServerNoticesSettings(localpart="bob")).send(self.alice.user_id, HELLO)

    async def test_the_tag_is_account_data_of_the_room(self) -> None:
        """Clients find it by sync as any tag."""
        await self.notices.send(self.alice.user_id, HELLO)
        room_id = await self.notices.room_of(self.alice.user_id)
        assert room_id is not None
        content = await self.notices.tags.account_data.content(self.alice.user_id, room_id, TAG)

        self.assertEqual(b'{"tags":{"m.server_notice":{}}}', content)
