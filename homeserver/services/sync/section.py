"""
What every section of a sync shares: the span that one answer covers, and the body that it is written into.

A section is asked once for each answer, and writes what is new to its reader.  Higher packages add sections of their
own.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import ClassVar, Protocol, TypeAlias

from attrs import define, evolve, field, frozen

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.filters import Filter
from homeserver.core.identifiers import DeviceID, RoomID, UserID
from homeserver.core.log import Position
from homeserver.core.sync_tokens import PaginationToken, SyncToken
from homeserver.core.timeline import ordering_at
from homeserver.services.memberships import UserRooms
from homeserver.services.sync.log_spans import Changes
from homeserver.services.unsigned import Unsigned
from homeserver.services.visible_history import Seen

LogKinds: TypeAlias = AbstractSet[str] | None
"""Kinds of the log's entries.  None: whatever happens."""


@frozen(eq=False)
class SyncSpan:
    """
    Who asks, and from where to where one answer goes: what happened at positions in ``(since, upto]``.

    *since* is None for a first sync: then everything is new.
    """

    user_id: UserID
    device_id: DeviceID | None
    filter: Filter
    since: SyncToken | None
    upto: SyncToken
    rooms: UserRooms
    """As they are at *upto*."""
    changes: Changes
    ignored: frozenset[UserID]
    now_ms: int
    full_state: bool = False
    """Whole states, though the timelines go on from *since*."""
    state_after: bool = False
    """States are those at the end of the timelines.  Spec: client-server-api#get_matrixclientv3sync"""

    state_after_name: str = "state_after"
    """What the client calls that."""
    unsigned: Sequence[Unsigned] = ()
    connection: str | None = None
    """Which of the device's connections this is of, where it has several at once."""

    @property
    def after(self) -> Position:
        """The position of *since*; before everything for a first sync."""
        return Position(0) if self.since is None else self.since.position


@define(eq=False)
class SyncBody:
    """
    The answer as far as it is written.

    *top*: the members of the whole beside ``rooms``; the four others are rooms by what the user is to them.

    *has_news*: a client that waits is answered; what is in every answer anyway is no news.
    """

    span: SyncSpan
    top: JSONObject = field(factory=dict)
    join: dict[RoomID, JSONObject] = field(factory=dict)
    invite: dict[RoomID, JSONObject] = field(factory=dict)
    knock: dict[RoomID, JSONObject] = field(factory=dict)
    leave: dict[RoomID, JSONObject] = field(factory=dict)
    newly_joined: set[RoomID] = field(factory=set)
    """Rooms in *join* of which the client knows nothing yet; everything about them is new."""
    has_news: bool = False
    timelines: dict[RoomID, Sequence[Seen]] = field(factory=dict)
    """What the timelines of joined rooms show."""
    owed: Position | None = None
    """A section had more to tell than fits one answer: it goes on after this position, in the next."""

    def joined(self, room_id: RoomID) -> JSONObject:
        """The part of a joined room, for writing into; it has every member that clients look for."""
        room = self.join.get(room_id)
        if room is None:
            return self.tell(room_id, {"events": [], "limited": False, "prev_batch": self.end}, [])
        self.has_news = True
        return room

    def tell(self, room_id: RoomID, timeline: JSONObject, state: list[JSON]) -> JSONObject:
        """The part of a joined room with its timeline and state, for writing the rest into."""
        self.has_news = True
        room = self.join[room_id] = {
            "timeline": timeline,
            self.state_name: {"events": state},
            "ephemeral": {"events": []},
            "account_data": {"events": []},
        }
        return room

    @property
    def state_name(self) -> str:
        """Where the state of a room goes.  Spec: client-server-api#get_matrixclientv3sync"""
        return self.span.state_after_name if self.span.state_after else "state"

    @property
    def end(self) -> str:
        """The token from which to page back through a room of which nothing is shown."""
        return str(PaginationToken(ordering_at(self.span.upto.position)))

    @property
    def next_batch(self) -> SyncToken:
        """Where the next answer goes on."""
        return self.span.upto if self.owed is None else evolve(self.span.upto, owed=self.owed)

    def to_json(self) -> JSONObject:
        """The whole answer."""
        body: JSONObject = {"next_batch": str(self.next_batch), **self.top}
        parts = (("join", self.join), ("invite", self.invite), ("knock", self.knock), ("leave", self.leave))
        rooms: JSONObject = {name: part for name, part in parts if part}  # type: ignore[misc]
        if rooms:
            body["rooms"] = rooms
        return body


class SyncSection(Protocol):
    """One kind of news."""

    tells_of: ClassVar[LogKinds]
    """Of what it tells, beside changes of the user's own memberships: where none of that happened it is not asked."""

    async def write(self, span: SyncSpan, body: SyncBody) -> None:
        """What is new in *span* is in *body*, and *body.has_news* is set if that is anything."""
