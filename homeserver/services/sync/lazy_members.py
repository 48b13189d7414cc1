"""
Which members each device has been told of, so that with lazy loading nobody is introduced twice.

In memory alone: what is forgotten is sent once more, which the spec allows.

Spec: client-server-api#lazy-loading-room-members
"""

from collections import OrderedDict
from collections.abc import Iterable

from attrs import define, field

from homeserver.core.identifiers import DeviceID, UserID
from homeserver.core.log import Position
from homeserver.services.sync.section import SyncSpan
from homeserver.services.sync.settings import SyncSettings

_Device = OrderedDict[tuple[int, UserID], Position]
"""``{(room nid, member): where the sync ended that told of the member}``."""


_Reader = tuple[UserID, DeviceID | None, str | None]
"""A device, and which of its connections."""


@define(eq=False)
class SentMembers:
    """What was sent to whom."""

    settings: SyncSettings
    _devices: OrderedDict[_Reader, _Device] = field(init=False, factory=OrderedDict)

    def unknown(self, span: SyncSpan, room_nid: int, members: Iterable[UserID]) -> set[UserID]:
        """
        Those of *members* that the device need be told of.

        What was sent with an answer that the client goes on from, it has; what was sent with a later one it may never
        have received.
        """
        sent = self._devices.get(_reader(span))
        if sent is None or span.since is None or span.filter.room.state.include_redundant_members:
            return set(members)
        upto = span.since.position
        return {user_id for user_id in members if sent.get((room_nid, user_id), upto + 1) > upto}

    def begin(self, span: SyncSpan) -> None:
        """What a device was sent before its first sync it has forgotten."""
        if span.since is None:
            self._devices.pop(_reader(span), None)

    def remember(self, span: SyncSpan, room_nid: int, members: Iterable[UserID]) -> None:
        """The device has been told of *members*, if this answer arrives."""
        key = _reader(span)
        sent = self._devices.setdefault(key, OrderedDict())
        self._devices.move_to_end(key)
        for user_id in members:
            known = sent.get((room_nid, user_id))
            # An earlier answer that has arrived stays good.
            if known is None or known > span.after:
                sent[room_nid, user_id] = span.upto.position
        while len(sent) > self.settings.sent_members_max:
            sent.popitem(last=False)
        while len(self._devices) > self.settings.devices_max:
            self._devices.popitem(last=False)


def _reader(span: SyncSpan) -> _Reader:
    return span.user_id, span.device_id, span.connection
