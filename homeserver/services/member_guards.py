"""What has a say in who comes into rooms and goes, beside the rules of the rooms."""

from typing import Protocol

from attrs import define, field, frozen

from homeserver.core.identifiers import RoomID, UserID


@frozen
class MemberChange:
    """*sender* wants *target* to have this *membership* in a room, which this server may not know yet."""

    room_id: RoomID
    sender: UserID
    target: UserID
    membership: str


class MemberGuard(Protocol):
    """Something that may object."""

    async def check(self, change: MemberChange) -> None:
        """Raises a Refusal where the change must not be."""


@define(eq=False)
class MemberGuards:
    """
    All that may object.

    They are asked of every member event that is made here, and of invites that other servers bring.
    """

    guards: list[MemberGuard] = field(factory=list)

    async def check(self, change: MemberChange) -> None:
        """Raises the Refusal of the first that objects."""
        for guard in self.guards:
            await guard.check(change)
