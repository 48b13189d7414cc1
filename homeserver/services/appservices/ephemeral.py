"""
Typing and presence for an application service: told when they change, and lost when it does not listen.

Spec: application-service-api#pushing-ephemeral-data
"""

from itertools import islice
from typing import Final

from attrs import define, field

from homeserver.core.canonical import JSON
from homeserver.core.identifiers import RoomID
from homeserver.core.presence import presence_event
from homeserver.services.appservices.interest import Interest
from homeserver.services.clock import Clock, now_ms
from homeserver.services.ephemeral import EphemeralSerial
from homeserver.services.presence import PresenceBoard
from homeserver.services.sync.pacing import Pace
from homeserver.services.typing import Typing

CHANGES_MAX: Final = 1_000
"""Rooms where somebody types, and users who came or went, that are told of at once: the latest."""


@define(eq=False)
class EphemeralGathering:
    """For one application service, from when it was made."""

    interest: Interest
    typing: Typing
    presence: PresenceBoard
    serial: EphemeralSerial
    clock: Clock
    _told: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._told = self.serial.head

    @property
    def has_news(self) -> bool:
        """Whether anything changed since it was last gathered."""
        return self.interest.registration.receive_ephemeral and self._told < self.serial.head

    async def gather(self) -> list[JSON]:
        """What changed since, in rooms and of users that concern the service."""
        after, self._told = self._told, self.serial.head
        if not self.interest.registration.receive_ephemeral or after == self._told:
            return []
        pace = Pace(self.clock)
        events: list[JSON] = []
        for room_id in list(islice(self.typing.changed_since(after), CHANGES_MAX)):
            await pace.step()
            if await self._is_of_interest(room_id):
                users: list[JSON] = [*self.typing.in_room(room_id)]
                events.append({"type": "m.typing", "room_id": room_id, "content": {"user_ids": users}})
        for user_id, presence, rooms in list(islice(self.presence.changed_since(after), CHANGES_MAX)):
            await pace.step()
            if self.interest.owns(user_id) or await self._any_of_interest(rooms):
                events.append(presence_event(user_id, presence, now_ms(self.clock)))
        return events

    async def _any_of_interest(self, rooms: frozenset[RoomID]) -> bool:
        for room_id in rooms:
            if await self._is_of_interest(room_id):
                return True
        return False

    async def _is_of_interest(self, room_id: RoomID) -> bool:
        room = await self.interest.room(room_id)
        return room is not None and (room.named or room.witness is not None)
