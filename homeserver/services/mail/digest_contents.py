"""What a digest tells, as things are when it is written."""

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from attrs import define, frozen

from homeserver.core.events import Event
from homeserver.core.identifiers import ServerName, UserID
from homeserver.core.mail.digests import Digest, Invite, Line, RoomDigest
from homeserver.core.timeline import Ordering
from homeserver.services.log_tail import LogTail
from homeserver.services.mail.settings import EmailSettings
from homeserver.services.notifications import Notifications, Notified
from homeserver.services.room_names import RoomNames
from homeserver.store.digests import StoredDigest

LOOKED_AT_MAX: Final = 200
"""Unread messages that are counted."""
ROOMS_MAX: Final = 12
INVITES_MAX: Final = 20
"""The newest."""
LINES_MAX: Final = 6
"""Of one room: the newest."""
TEXT_CHARACTERS_MAX: Final = 500


@frozen
class Contents:
    """*has_read*: something of what the last mail told, or all.  *upto*: the last that this one tells."""

    digest: Digest
    upto: Ordering
    has_read: bool


@define(eq=False)
class DigestContents:
    """Gathers what is unread."""

    server: ServerName
    tail: LogTail
    notifications: Notifications
    names: RoomNames
    settings: EmailSettings

    async def of(self, stored: StoredDigest) -> Contents | None:
        """What there is to tell; None: nothing that was not told before is unread."""
        unread = await self.notifications.unread(stored.user_id, LOOKED_AT_MAX)
        invites = await self.notifications.invites(stored.user_id, INVITES_MAX)
        news = [each for each in unread if each.ordering > stored.told_upto]
        new_invites = [each for each in invites if each.ordering > stored.told_upto]
        if not news and not new_invites:
            return None
        rooms: dict[str, list[Notified]] = {}
        for each in news:
            rooms.setdefault(each.row.room_id, []).append(each)
        told = [await self._room(of_room) for of_room in list(rooms.values())[:ROOMS_MAX]]
        return Contents(
            Digest(told, max(0, len(rooms) - ROOMS_MAX), [await self._invite(each) for each in new_invites]),
            max(each.ordering for each in (*news[:1], *new_invites)),
            stored.sent_ms is None or len(news) + len(new_invites) == len(unread) + len(invites),
        )

    async def _invite(self, invite: Notified) -> Invite:
        sender, name = await self.names.of_invite(invite.row)
        return Invite(sender, name, self._link(invite.row.room_id))

    async def _room(self, news: Sequence[Notified]) -> RoomDigest:
        """*news*: of one room, the newest first."""
        row, upto = news[0].row, self.tail.head
        shown = news[:LINES_MAX][::-1]
        senders = {UserID(each.event.sender) for each in shown}
        names = await self.names.of_users(row.room_nid, senders, upto)
        lines = [
            Line(names[UserID(each.event.sender)], self._text(each.event), each.event.origin_server_ts)
            for each in shown
        ]
        name = await self.names.of_room(row, upto)
        is_highlighted = any(each.actions.highlight for each in news)
        return RoomDigest(name, self._link(row.room_id), lines, len(news) - len(shown), is_highlighted)

    def _text(self, event: Event) -> str | None:
        body = event.content.get("body")
        if not self.settings.digests_include_content or not isinstance(body, str):
            return None
        text = "".join(each for each in body if each == "\n" or each.isprintable()).strip()
        return text if len(text) <= TEXT_CHARACTERS_MAX else text[:TEXT_CHARACTERS_MAX] + " …"

    def _link(self, room_id: str) -> str:
        quoted = quote(room_id, safe="!:")
        if self.settings.client_url is not None:
            return f"{self.settings.client_url.rstrip('/')}/#/room/{quoted}"
        return f"https://matrix.to/#/{quoted}?via={self.server}"
