"""
Filters: which events a client wants, and how much of them.

Spec: client-server-api#filtering
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeVar

from attrs import field, frozen

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.events import Event
from homeserver.core.globs import GlobSet, compile_globs
from homeserver.core.identifiers import RoomID, UserID
from homeserver.core.malformed import Malformed
from homeserver.core.property_paths import PropertyPath, keep_properties, split_path

Parsed = TypeVar("Parsed")

EVENT_FORMATS: Final = ("client", "federation")
_SIGILS: Final = {"senders": "@", "rooms": "!"}


@frozen
class RoomSelection:
    """Rooms by name; None: all of them."""

    rooms: frozenset[RoomID] | None = None
    not_rooms: frozenset[RoomID] = frozenset()

    def admits_room(self, room_id: RoomID) -> bool:
        """Whether the room is wanted; to exclude wins."""
        return room_id not in self.not_rooms and (self.rooms is None or room_id in self.rooms)


@frozen
class EventFilter(RoomSelection):
    """
    Which events of one section are wanted.

    The fields that only events of rooms have mean nothing for presence and the account's own data.
    """

    limit: int | None = None
    """None: the client leaves it to the server."""
    types: GlobSet | None = None
    not_types: GlobSet | None = None
    senders: frozenset[UserID] | None = None
    not_senders: frozenset[UserID] = frozenset()
    contains_url: bool | None = None
    related_by_rel_types: frozenset[str] | None = None
    """MSC3440: only what some event relates to in one of these ways."""
    related_by_senders: frozenset[UserID] | None = None
    lazy_load_members: bool = False
    include_redundant_members: bool = False
    unread_thread_notifications: bool = False
    unlimited: bool = field(init=False)
    """It admits every event."""

    def __attrs_post_init__(self) -> None:
        asks_nothing = not (self.not_rooms or self.not_types or self.not_senders) and all(
            wanted is None for wanted in (self.rooms, self.types, self.senders, self.contains_url)
        )
        object.__setattr__(self, "unlimited", asks_nothing)

    def admits(self, event: Event) -> bool:
        """Whether the event is wanted, by what it says itself."""
        return self.unlimited or (
            self.admits_room(event.room_id)
            and self.admits_type(event.type)
            and self.admits_sender(event.sender)
            and (self.contains_url is None or self.contains_url == ("url" in event.content))
        )

    def admits_type(self, event_type: str) -> bool:
        """Whether events of the type are wanted: all there is to ask of account data and ephemeral events."""
        if self.not_types is not None and self.not_types.matches(event_type):
            return False
        return self.types is None or self.types.matches(event_type)

    def admits_sender(self, user_id: UserID) -> bool:
        """Whether events of the user are wanted: with the type, all there is to ask of presence."""
        return user_id not in self.not_senders and (self.senders is None or user_id in self.senders)

    @property
    def asks_relations(self) -> bool:
        """Whether what relates to an event must be known before the filter can say whether it is wanted."""
        return self.related_by_rel_types is not None or self.related_by_senders is not None

    def admits_related(self, children: Iterable[tuple[str, UserID]]) -> bool:
        """Whether one of the ``(rel_type, sender)`` that relate to an event is as the filter asks."""
        return not self.asks_relations or any(
            (self.related_by_rel_types is None or rel_type in self.related_by_rel_types)
            and (self.related_by_senders is None or sender in self.related_by_senders)
            for rel_type, sender in children
        )

    def limit_within(self, default: int, most: int) -> int:
        """How many events to give: what the client asked, *default* when it did not, *most* at the utmost."""
        return min(default if self.limit is None else self.limit, most)


@frozen
class RoomFilter(RoomSelection):
    """What is wanted of rooms, section by section; its own choice of rooms comes before that of the sections."""

    include_leave: bool = False
    state: EventFilter = EventFilter()
    timeline: EventFilter = EventFilter()
    ephemeral: EventFilter = EventFilter()
    account_data: EventFilter = EventFilter()


@frozen
class Filter:
    """A whole filter, as clients upload it."""

    event_fields: tuple[PropertyPath, ...] | None = None
    """None: whole events."""
    event_format: str = "client"
    presence: EventFilter = EventFilter()
    account_data: EventFilter = EventFilter()
    room: RoomFilter = RoomFilter()

    def keep_fields(self, event: JSONObject) -> JSONObject:
        """The event with the fields that the client asked for."""
        return event if self.event_fields is None else keep_properties(event, self.event_fields)


DEFAULT_FILTER: Final = Filter()
EVERYTHING: Final = EventFilter()


def parse_filter(value: JSON) -> Filter:
    """A filter for ``/sync``.  Raises Malformed; what it does not know is passed over."""
    body = _object(value, "")
    event_format = body.get("event_format", "client")
    if event_format not in EVENT_FORMATS:
        raise Malformed("The event format is client or federation.", "event_format")
    fields = _strings(body, "event_fields", "")
    return Filter(
        # A shorter path first, so that the longer one finds what it asks for kept already.
        None if fields is None else _paths(fields),
        str(event_format),
        _section(body, "presence", ""),
        _section(body, "account_data", ""),
        _room_filter(body),
    )


def parse_event_filter(value: JSON, path: str = "") -> EventFilter:
    """A filter of events alone, as ``/messages``, ``/context`` and ``/search`` take it.  Raises Malformed."""
    body = _object(value, path)
    return EventFilter(
        rooms=_identifiers(body, "rooms", path, RoomID),
        not_rooms=_identifiers(body, "not_rooms", path, RoomID) or frozenset(),
        limit=_limit(body, path),
        types=_globs(body, "types", path),
        not_types=_globs(body, "not_types", path),
        senders=_identifiers(body, "senders", path, UserID),
        not_senders=_identifiers(body, "not_senders", path, UserID) or frozenset(),
        contains_url=_boolean(body, "contains_url", path),
        related_by_rel_types=_frozen(_strings(body, "related_by_rel_types", path)),
        related_by_senders=_identifiers(body, "related_by_senders", path, UserID),
        lazy_load_members=_boolean(body, "lazy_load_members", path) or False,
        include_redundant_members=_boolean(body, "include_redundant_members", path) or False,
        unread_thread_notifications=_boolean(body, "unread_thread_notifications", path) or False,
    )


def _room_filter(body: Mapping[str, JSON]) -> RoomFilter:
    room = _object(body.get("room", {}), "room")
    return RoomFilter(
        rooms=_identifiers(room, "rooms", "room", RoomID),
        not_rooms=_identifiers(room, "not_rooms", "room", RoomID) or frozenset(),
        include_leave=_boolean(room, "include_leave", "room") or False,
        state=_section(room, "state", "room"),
        timeline=_section(room, "timeline", "room"),
        ephemeral=_section(room, "ephemeral", "room"),
        account_data=_section(room, "account_data", "room"),
    )


def _section(body: Mapping[str, JSON], name: str, path: str) -> EventFilter:
    return parse_event_filter(body[name], _join(path, name)) if name in body else EVERYTHING


def _paths(fields: tuple[str, ...]) -> tuple[PropertyPath, ...]:
    paths = sorted({split_path(text) for text in fields}, key=len)
    kept: list[PropertyPath] = []
    for path in paths:
        if not any(path[: len(shorter)] == shorter for shorter in kept):
            kept.append(path)
    return tuple(kept)


def _object(value: JSON, path: str) -> Mapping[str, JSON]:
    if not isinstance(value, dict):
        raise Malformed("This must be an object.", path)
    return value


def _boolean(body: Mapping[str, JSON], name: str, path: str) -> bool | None:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise Malformed("This must be true or false.", _join(path, name))
    return value


def _limit(body: Mapping[str, JSON], path: str) -> int | None:
    value = body.get("limit")
    if value is None:
        return None
    # NOTSPEC: clients ask for 0 events where they want none of a section, though the spec wants more than 0.
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise Malformed("A limit is a positive integer.", _join(path, "limit"))
    return value


def _strings(body: Mapping[str, JSON], name: str, path: str) -> tuple[str, ...] | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, list):
        raise Malformed("This must be a list of strings.", _join(path, name))
    strings = tuple(item for item in value if isinstance(item, str))
    if len(strings) != len(value):
        raise Malformed("This must be a list of strings.", _join(path, name))
    return strings


def _identifiers(
    body: Mapping[str, JSON], name: str, path: str, identifier: Callable[[str], Parsed]
) -> frozenset[Parsed] | None:
    strings = _strings(body, name, path)
    if strings is None:
        return None
    sigil = _SIGILS["rooms" if name.endswith("rooms") else "senders"]
    if any(not text.startswith(sigil) for text in strings):
        raise Malformed(f"Each of these must start with {sigil}.", _join(path, name))
    return frozenset(identifier(text) for text in strings)


def _globs(body: Mapping[str, JSON], name: str, path: str) -> GlobSet | None:
    strings = _strings(body, name, path)
    return None if strings is None else compile_globs(strings, any_character=False)


def _frozen(strings: tuple[str, ...] | None) -> frozenset[str] | None:
    return None if strings is None else frozenset(strings)


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
