"""
Rooms as a client gets them: whole when they are new to it, and else what it does not have yet.

Spec: proposals/4186
"""

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from attrs import define, evolve, frozen

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.client_events import stripped_form
from homeserver.core.events import StateKey
from homeserver.core.identifiers import EventID, UserID
from homeserver.core.log import Position
from homeserver.core.sliding.room_configs import MEMBER, RequiredState, RoomConfig
from homeserver.core.timeline import Ordering, ordering_at
from homeserver.services.clock import Clock
from homeserver.services.known_events import KnownEvents
from homeserver.services.recent_events import RecentEvents, Stretch, Window
from homeserver.services.sliding.bumps import Bumps
from homeserver.services.sliding.links import Sent
from homeserver.services.sliding.required_states import RequiredStates, Wanted
from homeserver.services.summaries import Summaries, Summary
from homeserver.services.sync.left import was_joined
from homeserver.services.sync.pacing import ROOMS_AT_ONCE, Pace, batched
from homeserver.services.sync.rendering import Rendering
from homeserver.services.sync.section import SyncSpan
from homeserver.services.sync.stripped import stripped_state
from homeserver.services.sync.timelines import RoomSpan, RoomTimeline, Timelines
from homeserver.services.unread import UnreadCounts
from homeserver.store import windows
from homeserver.store.database import Database
from homeserver.store.memberships import Membership

ALL_EVENTS: Final = 2**31
"""Of events that a client has: the room has no others."""
NAME: Final = ("m.room.name", "")
AVATAR: Final = ("m.room.avatar", "")

Changed: TypeAlias = Mapping[StateKey, EventID | None]


@frozen(eq=False)
class Pick:
    """
    A room that goes into an answer, if there is anything to tell of it.

    *names*: the lists that it is in.  *sent*: None: it is new to the client.  *former*: the state that was wanted then.
    *position*: where something last happened.  *retell*: there is something to tell in any case.
    """

    row: Membership
    names: Sequence[str]
    config: RoomConfig
    sent: Sent | None
    former: RequiredState | None
    position: Position
    is_dm: bool
    retell: bool = False
    aside: bool = False
    """No list shows it: only what is *retold* is told, and of events nothing."""


@frozen(eq=False)
class Told:
    """*entry*: None: there was nothing to tell.  *events*: of the newest the client has for certain now."""

    pick: Pick
    entry: JSONObject | None
    events: int
    is_new: bool
    first: Ordering | None = None
    """The place of the first event that is shown."""


@frozen(eq=False)
class _Frame:
    """*room*: what the timeline is of.  *since*: None: everything is new.  *expanded*: older events are shown again."""

    pick: Pick
    room: RoomSpan
    since: Position | None
    limit: int
    expanded: bool

    @property
    def stretch(self) -> Stretch:
        return self.room.stretch(self.limit)


@define(eq=False)
class Entries:
    """Writes rooms."""

    database: Database
    clock: Clock
    known: KnownEvents
    recent: RecentEvents
    timelines: Timelines
    states: RequiredStates
    summaries: Summaries
    unread: UnreadCounts
    bumps: Bumps
    timeline_max: int

    async def write(self, span: SyncSpan, picks: Sequence[Pick]) -> list[Told]:
        """What is told of each of *picks*, in their order."""
        rendering, pace = Rendering(span), Pace(self.clock)
        told: list[Told] = []
        for some in batched(picks, ROOMS_AT_ONCE):
            frames = [None if pick.aside else await self._frame(span, pick) for pick in some]
            seen = [frame for frame in frames if frame is not None]
            windows_of = iter(await self.recent.latest_of([frame.stretch for frame in seen]) if seen else ())
            for pick, frame in zip(some, frames, strict=True):
                if pick.aside:
                    told.append(await self._aside(span, pick))
                elif frame is None:
                    told.append(await self._outside(span, pick))
                else:
                    told.append(await self._inside(span, rendering, frame, next(windows_of)))
                await pace.step()
        return told

    async def _frame(self, span: SyncSpan, pick: Pick) -> _Frame | None:
        """What there is to see of the room; None: the user was never in it, as far as this is about."""
        row, upto = pick.row, span.upto.position
        since = _since(span, pick)
        if row.membership in {"invite", "knock"}:
            return None
        before = "join"
        if since is not None and row.position > since:
            as_of = await self.database.read(windows.memberships_as_of, row.user_id, (row.room_nid,), since)
            before = as_of[row.room_nid] or "leave"
        if row.membership != "join":
            upto = Position(min(upto, row.position))
            if before != "join" and not await was_joined(self.database, row, upto):
                return None
        if before != "join":
            # Of who was not in the room, the client has nothing but an invitation.
            since = None
        limit = min(pick.config.timeline_limit, self.timeline_max)
        expanded = since is not None and pick.sent is not None and limit > pick.sent.events
        return _Frame(pick, RoomSpan(row, None if expanded else since, upto), since, limit, expanded)

    async def _aside(self, span: SyncSpan, pick: Pick) -> Told:
        """What changed without any event of the room."""
        assert pick.sent is not None, "of what is new to the client, nothing is told aside"
        entry = (await self.unread.of(pick.row, span.upto.position)).total.to_json()
        if pick.is_dm != pick.sent.is_dm:
            entry["is_dm"] = pick.is_dm
        return Told(pick, _framed(pick, entry), pick.sent.events, is_new=False)

    async def _inside(self, span: SyncSpan, rendering: Rendering, frame: _Frame, window: Window) -> Told:
        pick, room = frame.pick, frame.room
        row = room.row
        timeline = await self.timelines.choose(span, room, window, frame.limit)
        is_new = frame.since is None
        wanted = Wanted(pick.config.required, pick.former, frame.since, is_new or pick.position > (frame.since or 0))
        changes = await self.states.changes(span, timeline, wanted)
        state = await self.states.of(span, timeline, wanted, changes)
        entry: JSONObject = {}
        if is_new:
            entry["initial"] = True
        if timeline.shown or timeline.limited or is_new:
            entry.update(await self._timeline(span, rendering, frame, timeline))
        if state:
            entry["required_state"] = await self.states.render(rendering, state, row)
        await self._describe(span, frame, changes, entry)
        if pick.is_dm != (pick.sent is not None and pick.sent.is_dm):
            entry["is_dm"] = pick.is_dm
        told = Told(pick, None, _events(frame, timeline), is_new, _first(timeline))
        if not entry and not pick.retell:
            return told
        if row.membership == "join":
            entry.update((await self.unread.of(row, room.upto)).total.to_json())
            entry["bump_stamp"] = await self.bumps.of(row.room_id, row.room_nid)
        else:
            entry["bump_stamp"] = row.position
        return evolve(told, entry=_framed(pick, entry))

    async def _timeline(
        self, span: SyncSpan, rendering: Rendering, frame: _Frame, timeline: RoomTimeline
    ) -> JSONObject:
        rendered = await self.timelines.render(rendering, timeline)
        part: JSONObject = {
            "timeline": rendered["events"],
            "prev_batch": rendered["prev_batch"],
            "num_live": _live(span, timeline),
        }
        if timeline.limited:
            part["limited"] = True
        if frame.expanded and frame.since is not None and _shows_older(timeline, frame.since):
            part["expanded_timeline"] = True
            # As clients of before the proposal was changed call it.
            part["unstable_expanded_timeline"] = True
        return part

    async def _describe(self, span: SyncSpan, frame: _Frame, changes: Changed, entry: JSONObject) -> None:
        """Name, avatar, members: all of it of a new room, and else what changed."""
        row, upto, is_new = frame.room.row, frame.room.upto, frame.since is None
        moved = is_new or any(kind == MEMBER for kind, _ in changes)
        keys = {key for key in (NAME, AVATAR) if is_new or key in changes or (moved and key == NAME)}
        if not keys:
            return
        entries = await self.database.read(windows.entry_ids, row.room_nid, keys, upto)
        events = await self.known.by_ids([event_id for event_id in entries.values() if event_id is not None])
        contents = {found.event.key: found.event.content for found in events.values()}
        name = _text(contents.get(NAME, {}).get("name"))
        if is_new or NAME in changes:
            _tell(entry, "name", name, is_new)
        if AVATAR in keys:
            _tell(entry, "avatar", _text(contents.get(AVATAR, {}).get("url")), is_new)
        if moved or (NAME in changes and name is None):
            summary = await self.summaries.of(row.room_nid, row.room_id, upto)
            entry["joined_count"] = summary.counts.joined
            entry["invited_count"] = summary.counts.invited
            if name is None and frame.pick.config.heroes:
                entry["heroes"] = await self._heroes(row, summary, upto)

    async def _heroes(self, row: Membership, summary: Summary, upto: Position) -> list[JSON]:
        heroes = summary.heroes(row.user_id)
        keys = [(MEMBER, user_id) for user_id in heroes]
        entries = await self.database.read(windows.entry_ids, row.room_nid, keys, upto)
        events = await self.known.by_ids([event_id for event_id in entries.values() if event_id is not None])
        contents = {found.event.state_key: found.event.content for found in events.values()}
        return [_hero(user_id, contents.get(user_id, {})) for user_id in heroes]

    async def _outside(self, span: SyncSpan, pick: Pick) -> Told:
        """An invite or a knock; or that it is over."""
        row = pick.row
        told = Told(pick, None, 0, pick.sent is None)
        since = _since(span, pick)
        if since is not None and row.position <= since and not pick.retell:
            return told
        if row.membership in {"invite", "knock"}:
            stripped = await stripped_state(self.database, self.known, row)
            # Under the second name clients of before the proposal was changed look for it.
            entry: JSONObject = {"initial": True, "stripped_state": stripped, "invite_state": stripped}
            if pick.is_dm:
                entry["is_dm"] = True
        else:
            entry = await self._over(span, row)
        entry["bump_stamp"] = row.position
        return evolve(told, entry=_framed(pick, entry))

    async def _over(self, span: SyncSpan, row: Membership) -> JSONObject:
        """That the user is not invited any more: the one event of the room that is theirs."""
        found = await self.known.by_nids(()) if row.event_nid is None else await self.known.by_nids((row.event_nid,))
        events = list(found.values())
        content: JSON = {"membership": row.membership}
        own: JSON = {"type": MEMBER, "sender": row.sender, "state_key": row.user_id, "content": content}
        stripped: list[JSON] = [stripped_form(event.event) for event in events] or [own]
        state = await self.states.render(Rendering(span), {event.event.key: event.event_id for event in events})
        return {"stripped_state": stripped, "required_state": state}


def _since(span: SyncSpan, pick: Pick) -> Position | None:
    if pick.sent is None:
        return None
    return span.after if pick.sent.upto is None else pick.sent.upto


def _events(frame: _Frame, timeline: RoomTimeline) -> int:
    """How many of the newest events the client has now."""
    if timeline.limited:
        return frame.limit
    if frame.room.since is None or frame.pick.sent is None:
        return ALL_EVENTS
    return frame.pick.sent.events


def _live(span: SyncSpan, timeline: RoomTimeline) -> int:
    """How many of the events have just happened."""
    if span.since is None:
        return 0
    after = ordering_at(span.since.position)
    return sum(event.ordering is not None and event.ordering > after for event, _ in timeline.shown)


def _shows_older(timeline: RoomTimeline, since: Position) -> bool:
    first = _first(timeline)
    return first is not None and first <= ordering_at(since)


def _first(timeline: RoomTimeline) -> Ordering | None:
    return timeline.shown[0][0].ordering if timeline.shown else None


def _framed(pick: Pick, entry: JSONObject) -> JSONObject:
    entry["membership"] = pick.row.membership
    if pick.names:
        entry["lists"] = [*pick.names]
    return entry


def _tell(entry: JSONObject, member: str, value: str | None, is_new: bool) -> None:
    """The value; of what is new nothing where there is none, and else that there is none any more."""
    if value is not None or not is_new:
        entry[member] = value


def _hero(user_id: UserID, content: Mapping[str, JSON]) -> JSONObject:
    hero: JSONObject = {"user_id": user_id}
    for member in ("displayname", "avatar_url"):
        value = _text(content.get(member))
        if value is not None:
            hero[member] = value
    return hero


def _text(value: JSON) -> str | None:
    return value if isinstance(value, str) and value else None
