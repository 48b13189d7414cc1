"""Tests that ignored users are ignored everywhere; messages, relations, search and unread counts have their own."""

from typing import Any

from homeserver.core.identifiers import UserID
from tests.builders import ALICE, DAVE
from tests.databases import DatabaseCase
from tests.pushing import PushCase
from tests.syncing import SyncServices
from tests.waiting import at_rest

ERIN = UserID("@erin:one.example")
IGNORES_DAVE: Any = {"ignored_users": {DAVE: {}}}


class IgnoredInSyncTests(DatabaseCase):
    """Alice ignores Dave, not Erin; all are in a room."""

    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.services = SyncServices(self.database)
        self.room_id = await self.services.new_room(ALICE, preset="public_chat")
        await self.services.join(self.room_id, DAVE, ERIN)
        self.event_id = await self.services.say(self.room_id, ERIN)
        for user_id in (DAVE, ERIN):
            await self.services.sync(user_id)
        await self.services.account_data.set(ALICE, None, "m.ignored_user_list", IGNORES_DAVE)
        self.since = (await self.services.sync(ALICE))["next_batch"]

    async def ephemeral(self, since: str | None) -> dict[str, Any]:
        answer = await self.services.sync(ALICE, since)
        room = answer.get("rooms", {}).get("join", {}).get(self.room_id, {})
        return {event["type"]: event["content"] for event in room.get("ephemeral", {}).get("events", [])}

    async def test_they_do_not_type(self) -> None:
        """Others do, also at the same time."""
        await self.services.typing.set(self.room_id, DAVE, True)
        alone = await self.ephemeral(self.since)
        await self.services.typing.set(self.room_id, ERIN, True)
        both = await self.ephemeral(self.since)

        self.assertNotIn(DAVE, alone.get("m.typing", {}).get("user_ids", []))
        self.assertEqual([ERIN], both["m.typing"]["user_ids"])
        self.assertEqual([ERIN], (await self.ephemeral(None))["m.typing"]["user_ids"])

    async def test_they_have_read_nothing(self) -> None:
        """Others have."""
        for user_id in (DAVE, ERIN):
            await self.services.receipts.advance(user_id, self.room_id, "m.read", self.event_id)
        for since in (self.since, None):
            readers = (await self.ephemeral(since))["m.receipt"][self.event_id]["m.read"]
            self.assertNotIn(DAVE, readers)
            self.assertIn(ERIN, readers)

    async def test_they_are_not_there(self) -> None:
        """Nobody tells whether they are online."""
        for since in (self.since, None):
            await self.services.sync(DAVE, set_presence=None)
            answer = await self.services.sync(ALICE, since)
            senders = {event["sender"] for event in answer.get("presence", {}).get("events", [])}
            self.assertNotIn(DAVE, senders)

    async def test_the_list_counts_at_once(self) -> None:
        """The very next sync shows what comes after somebody is heard again, and not what was missed."""
        await self.services.say(self.room_id, DAVE, "missed")
        quiet = await self.services.sync(ALICE, self.since)
        await self.services.account_data.set(ALICE, None, "m.ignored_user_list", {"ignored_users": {}})
        again = await self.services.say(self.room_id, DAVE, "heard")
        heard = await self.services.sync(ALICE, quiet["next_batch"])

        self.assertNotIn(self.room_id, quiet.get("rooms", {}).get("join", {}))
        events = heard["rooms"]["join"][self.room_id]["timeline"]["events"]
        self.assertEqual([again], [event["event_id"] for event in events])

    async def test_a_list_that_is_none_ignores_nobody(self) -> None:
        """Clients write what they like there."""
        contents: list[Any] = [{}, {"ignored_users": [DAVE]}, {"ignored_users": "all"}, {"ignored_users": {ALICE: {}}}]
        for content in contents:
            await self.services.account_data.set(ALICE, None, "m.ignored_user_list", content)
            self.assertEqual(frozenset(), await self.services.ignored.of(ALICE))


class IgnoredInPushTests(PushCase):
    async def test_they_are_not_pushed(self) -> None:
        """Neither what they say nor whom they invite; what others say is."""
        await self.sync.account_data.set(ALICE, None, "m.ignored_user_list", IGNORES_DAVE)
        await self.sync.say(self.room_id, DAVE, "unwanted")
        room_id = await self.sync.new_room(DAVE)
        await self.sync.member(room_id, ALICE, "invite", DAVE)
        await at_rest()
        unwanted = list(self.gateway.events)
        wanted = await self.sync.say(self.room_id, ERIN, "wanted")
        await at_rest()

        self.assertEqual(([], [wanted]), (unwanted, self.gateway.events))

    async def test_unwanted_invites_are_not_pushed(self) -> None:
        """As the user's permissions for invites say."""
        permission: Any = {"ignored_users": [DAVE]}
        await self.sync.account_data.set(ALICE, None, "m.invite_permission_config", permission)
        for sender in (DAVE, ERIN):
            room_id = await self.sync.new_room(sender)
            await self.sync.member(room_id, ALICE, "invite", sender)
        await at_rest()

        self.assertEqual([ERIN], [notice["sender"] for notice in self.gateway.notices])
