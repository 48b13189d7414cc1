"""
The rules of the policy rooms that this server's administrators subscribe to, compiled.

Spec: client-server-api#moderation-policy-lists
"""

from collections.abc import Sequence
from typing import Final

from attrs import define, field
from twisted.internet.defer import DeferredLock
from twisted.internet.threads import deferToThread

from homeserver.core.identifiers import EventID, RoomID, ServerName, UserID
from homeserver.core.log import EVENT, REDACTED, STATE, LogEntry
from homeserver.core.policy_rules import KINDS, Bans, Rule, bans_of, rule_of
from homeserver.services.known_events import KnownEvents
from homeserver.services.live_rooms import LiveRooms
from homeserver.services.member_guards import MemberChange
from homeserver.services.refusals import Forbidden

READ_AT_ONCE: Final = 500
IN_THREAD_FROM: Final = 1_000
"""Rules past which compiling them leaves the reactor alone."""
_ENTERING: Final = frozenset({"join", "knock", "invite"})


@define(eq=False)
class PolicyRules:
    """As a ``MemberGuard`` it keeps away whom the rules ban; they are read again once a list has changed."""

    server: ServerName
    known: KnownEvents
    live_rooms: LiveRooms
    _lists: set[RoomID] = field(init=False, factory=set)
    _rules: dict[EventID, Rule | None] = field(init=False, factory=dict)
    _bans: Bans = field(init=False)
    _is_stale: bool = field(init=False, default=False)
    _reading: DeferredLock = field(init=False, factory=DeferredLock)

    def __attrs_post_init__(self) -> None:
        self._bans = bans_of(self.server, ())

    def subscribe(self, room_id: RoomID) -> None:
        """The rules of the room are heeded."""
        if room_id not in self._lists:
            self._lists.add(room_id)
            self._is_stale = True

    async def against(self, user_id: UserID, room_id: RoomID) -> str | None:
        """Why the user, or the room, is to be kept away; None: no rule is against either."""
        if not self._lists:
            return None
        bans = await self._current()
        if bans.bans_user(user_id):
            return f"A policy that this server heeds bans {user_id}."
        return "A policy that this server heeds bans this room." if bans.bans_room(room_id) else None

    async def check(self, change: MemberChange) -> None:
        """Raises Forbidden when somebody is to come into a room, or to be invited, whom a rule is against."""
        if not self._lists or change.membership not in _ENTERING:
            return
        for user_id in dict.fromkeys((change.sender, change.target)):
            reason = await self.against(user_id, change.room_id)
            if reason is not None:
                raise Forbidden(reason)

    def follow(self, entries: Sequence[LogEntry]) -> None:
        """Lists that may have changed are read again."""
        if not self._lists:
            return
        for entry in entries:
            if entry.kind == REDACTED:
                redacted = EventID(entry.subject) in self._rules
                self._rules.pop(EventID(entry.subject), None)
                self._is_stale = self._is_stale or redacted
            elif entry.kind in {EVENT, STATE} and entry.subject in self._lists:
                self._is_stale = True

    def forget_room(self, room_id: RoomID, room_nid: int) -> None:
        """A list that is gone bans nobody."""
        self._is_stale = self._is_stale or room_id in self._lists

    async def _current(self) -> Bans:
        if self._is_stale:
            await self._reading.acquire()
            try:
                if self._is_stale:
                    self._is_stale = False
                    await self._read()
            finally:
                self._reading.release()
        return self._bans

    async def _read(self) -> None:
        event_ids: list[EventID] = []
        for room_id in self._lists:
            room = await self.live_rooms.find(room_id)
            if room is not None:
                event_ids += [event_id for (type_, _), event_id in room.state.items() if type_ in KINDS]
        rules: dict[EventID, Rule | None] = {}
        for start in range(0, len(event_ids), READ_AT_ONCE):
            some = event_ids[start : start + READ_AT_ONCE]
            new = [event_id for event_id in some if event_id not in self._rules]
            found = await self.known.by_ids(new)
            rules |= {event_id: self._rules.get(event_id) for event_id in some}
            rules |= {event_id: rule_of(entry.event) for event_id, entry in found.items()}
        bans = [rule for rule in rules.values() if rule is not None]
        if len(bans) > IN_THREAD_FROM:
            self._bans = await deferToThread(bans_of, self.server, bans)
        else:
            self._bans = bans_of(self.server, bans)
        self._rules = rules
