"""Who is there among those that share a room with the user."""

from typing import ClassVar

from attrs import define

from homeserver.core.canonical import JSON
from homeserver.core.identifiers import UserID
from homeserver.core.presence import Presence, presence_event
from homeserver.services.ephemeral import EphemeralSerial
from homeserver.services.presence import PresenceBoard
from homeserver.services.sync.section import LogKinds, SyncBody, SyncSpan


@define(eq=False)
class PresenceNews:
    """Changes of presence."""

    tells_of: ClassVar[LogKinds] = None

    board: PresenceBoard
    serial: EphemeralSerial

    async def write(self, span: SyncSpan, body: SyncBody) -> None:
        """
        The presence of those that changed is in *body*.

        On a first sync, and after a restart, of all who are not offline; and of those in rooms just joined.
        """
        if not self.board.settings.enabled:
            return
        shown: dict[UserID, Presence] = {}
        if span.since is None or not self.serial.knows(span.since.serial):
            shown.update(self.board.present_in(frozenset(span.rooms.joined)))
        else:
            shown.update(self.board.shown_to(span.user_id, span.rooms, span.since.serial))
            if body.newly_joined:
                shown.update(self.board.present_in(frozenset(body.newly_joined)))
        admits = span.filter.presence
        events: list[JSON] = [
            presence_event(user_id, presence, span.now_ms)
            for user_id, presence in shown.items()
            if user_id not in span.ignored
            and (admits.unlimited or (admits.admits_sender(user_id) and admits.admits_type("m.presence")))
        ]
        if events:
            body.top["presence"] = {"events": events}
            body.has_news = True
