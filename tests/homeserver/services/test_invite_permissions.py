"""Tests of unwanted invites."""

import json
from typing import Any

from twisted.trial.unittest import TestCase

from homeserver.core.identifiers import RoomID, UserID
from homeserver.core.log import ACCOUNT_DATA
from homeserver.services.invite_permissions import InvitePermissions
from homeserver.services.refusals import InviteBlocked
from homeserver.store import account_data
from homeserver.store.database import Database
from homeserver.store.write import Write
from tests.client import SERVER
from tests.databases import DatabaseCase
from tests.federation.servers import ALICE, BOB, Federation
from tests.room_api import HERE, RoomAPICase
from tests.syncing import SyncServices

BLOCK_ALL = {"default_action": "block"}
STABLE = "m.invite_permission_config"


async def wish(database: Database, user_id: UserID, content: Any, type_: str = STABLE) -> None:
    """The user's account data says so."""

    def write(tx: Write) -> None:
        position = tx.log(ACCOUNT_DATA, user_id)
        account_data.replace(tx, user_id, "", type_, json.dumps(content), position)

    await database.write(write)


class RefusedInvitesTests(RoomAPICase):
    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        permissions = InvitePermissions(HERE, self.database)
        self.api.rooms.tail.follow(permissions.follow)
        self.api.rooms.timeline.member_guards.guards.append(permissions)

    async def test_a_blocked_invite_is_refused_by_every_way(self) -> None:
        """By /invite, by the member event, and by createRoom, which then makes no room."""
        room_id = await self.alice.create_room()
        await wish(self.database, self.bob.user_id, BLOCK_ALL)
        member = {"membership": "invite"}
        for answer in (
            await self.alice.act(room_id, "invite", user_id=self.bob.user_id),
            await self.alice.set_state(room_id, "m.room.member", member, self.bob.user_id),
            await self.alice.client.post("/_matrix/client/v3/createRoom", {"invite": [self.bob.user_id]}),
        ):
            self.assert_refused(403, "M_INVITE_BLOCKED", answer)
        joined = await self.alice.ok(self.alice.client.get("/_matrix/client/v3/joined_rooms"))
        self.assertEqual([room_id], joined["joined_rooms"])

    async def test_wishes_change(self) -> None:
        """The account data as it is now counts; knocking is no invite, nor is being let in."""
        room_id = await self.alice.create_room()
        await wish(self.database, self.bob.user_id, BLOCK_ALL)
        await self.alice.act(room_id, "invite", user_id=self.bob.user_id)
        await wish(self.database, self.bob.user_id, {})
        answer = await self.alice.act(room_id, "invite", user_id=self.bob.user_id)

        self.assertEqual(200, answer.status)

    async def test_the_name_of_the_proposal_is_known(self) -> None:
        """Clients that still write the unstable type are heard, unless the stable one is there."""
        room_id = await self.alice.create_room()
        await wish(self.database, self.bob.user_id, BLOCK_ALL, "org.matrix.msc4155.invite_permission_config")
        first = await self.alice.act(room_id, "invite", user_id=self.bob.user_id)
        await wish(self.database, self.bob.user_id, {})
        second = await self.alice.act(room_id, "invite", user_id=self.bob.user_id)

        self.assertEqual((403, 200), (first.status, second.status))

    async def test_an_ignored_invite_is_taken(self) -> None:
        """Who invites does not learn that nobody sees it."""
        room_id = await self.alice.create_room()
        await wish(self.database, self.bob.user_id, {"ignored_servers": [SERVER]})
        answer = await self.alice.act(room_id, "invite", user_id=self.bob.user_id)

        self.assertEqual(200, answer.status)


class UnseenInvitesTests(DatabaseCase):
    def setUp(self) -> None:
        super().setUp()
        self.sync = SyncServices(self.database)

    async def test_unwanted_invites_do_not_show(self) -> None:
        """Neither those that were there before nor new ones; they do once they are wanted again."""
        alice, dave = UserID("@alice:one.example"), UserID("@dave:one.example")
        room_id = await self.sync.new_room(alice)
        await self.sync.member(room_id, dave, "invite", alice)
        seen = await self.sync.sync(dave)
        await wish(self.database, dave, {"ignored_users": [alice]})
        unseen = await self.sync.sync(dave)
        await wish(self.database, dave, {"default_action": "block"})
        blocked = await self.sync.sync(dave)
        await wish(self.database, dave, {})
        again = await self.sync.sync(dave)

        self.assertIn(room_id, seen["rooms"]["invite"])
        self.assertNotIn("invite", unseen.get("rooms", {}))
        self.assertNotIn("invite", blocked.get("rooms", {}))
        self.assertIn(room_id, again["rooms"]["invite"])


class InvitesOfOthersTests(Federation, TestCase):
    async def setUp(self) -> None:  # type: ignore[override]
        await self.begin(self)
        permissions = InvitePermissions(self.two.name, self.two.database)
        self.two.tail.follow(permissions.follow)
        self.two.timeline.member_guards.guards.append(permissions)

    async def test_other_servers_are_refused(self) -> None:
        """They are told why, and so is who invites; nobody is invited."""
        room_id: RoomID = await self.one.create(ALICE)
        await wish(self.two.database, BOB, {"blocked_servers": ["one.example"]})
        with self.assertRaises(InviteBlocked):
            await self.one.inviting.invite(ALICE, room_id, BOB)

        self.assertIsNone(await self.two.own_membership(BOB, room_id))
        self.assertIsNone(await self.one.membership(room_id, BOB))
