"""Tests of guests in rooms."""

from homeserver.services.departing import Departing
from homeserver.services.guest_access import GuestAccess
from homeserver.services.member_content import MemberContent
from tests.room_api import HERE, RoomAPICase, User
from tests.waiting import until


class GuestAccessTests(RoomAPICase):
    guest: User

    async def setUp(self) -> None:  # type: ignore[override]
        await super().setUp()
        api, rooms = self.api, self.api.rooms
        content = MemberContent(HERE, self.database)
        departing = Departing(
            HERE, self.database, rooms.known, rooms.live_rooms, rooms.timeline, api.memberships, content, api.peers
        )
        self.access = GuestAccess(HERE, self.database, rooms.known, rooms.live_rooms, departing)
        rooms.timeline.member_guards.guards.append(self.access)
        rooms.tail.follow(self.access.follow)
        self.guest = await api.user("guest", is_guest=True)

    async def membership(self, user: User, room_id: str) -> str:
        event = await self.alice.state(room_id, "m.room.member", user.user_id)
        return str(event.json["membership"])

    async def test_guests_join_what_lets_them_in(self) -> None:
        """And nothing else, whether by joining or by writing the member event themselves."""
        closed = await self.alice.create_room(preset="public_chat")
        unsaid = await self.alice.create_room(
            preset="public_chat", initial_state=[{"type": "m.room.guest_access", "content": {"guest_access": 5}}]
        )
        state = [{"type": "m.room.guest_access", "content": {"guest_access": "can_join"}}]
        open_ = await self.alice.create_room(preset="public_chat", initial_state=state)
        member = {"membership": "join"}
        for room_id in (closed, unsaid):
            self.assert_refused(403, "M_GUEST_ACCESS_FORBIDDEN", await self.guest.join(room_id))
            written = await self.guest.set_state(room_id, "m.room.member", member, self.guest.user_id)
            self.assert_refused(403, "M_GUEST_ACCESS_FORBIDDEN", written)
        self.assertEqual(200, (await self.guest.join(open_)).status)

    async def test_guests_leave_when_they_may_not_stay(self) -> None:
        """All of them, and nobody else."""
        state = [{"type": "m.room.guest_access", "content": {"guest_access": "can_join"}}]
        room_id = await self.alice.create_room(preset="public_chat", initial_state=state)
        other = await self.api.user("other_guest", is_guest=True)
        for user in (self.guest, other, self.bob):
            await user.join(room_id)
        await self.alice.set_state(room_id, "m.room.guest_access", {"guest_access": "forbidden"})
        await self.database.catch_up()
        await self.access.sweep()
        # What the change itself has begun may be on its way to the disk still.
        await self.database.catch_up()

        self.assertEqual("leave", await self.membership(self.guest, room_id))
        self.assertEqual("leave", await self.membership(other, room_id))
        self.assertEqual("join", await self.membership(self.bob, room_id))

    async def test_the_change_alone_takes_them_out(self) -> None:
        """Nobody needs to ask for it."""
        state = [{"type": "m.room.guest_access", "content": {"guest_access": "can_join"}}]
        room_id = await self.alice.create_room(preset="public_chat", initial_state=state)
        await self.guest.join(room_id)
        await self.alice.set_state(room_id, "m.room.guest_access", {"guest_access": "forbidden"})

        async def is_gone() -> bool:
            return await self.membership(self.guest, room_id) == "leave"

        await until(is_gone, "the guest is gone")
