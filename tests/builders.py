"""
Builders of sound rooms in memory, for tests.

``a_room()`` is a room of any version with its creator joined, levels and a join rule; every event in it has sound
prev_events, auth_events, depth, hash, signature and ID.  A room is a value: each ``with_`` answers a new room and
leaves the old one as it was, so a fork is two rooms made from one::

    room = a_room("11", join_rule="public").with_member(BOB)
    left = room.with_state("m.room.topic", {"topic": "left"})
    right = room.with_member(BOB, "ban")
    merged = left.merged_with(right, state={**left.state, **right.state})

``room.event(type, content, ...)`` makes an event at the room's tip *without* adding it: hold it against ``room.state``.
Nothing here checks authorization: a room that breaks the rules can be built too.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from hashlib import sha256
from typing import Final

from attrs import evolve, field, frozen

from homeserver.core.auth_events import auth_keys, select_auth_events
from homeserver.core.building import UnplacedEvent, build_event
from homeserver.core.canonical import JSONObject
from homeserver.core.event_signatures import required_signatures, sign_event
from homeserver.core.events import Event, StateKey
from homeserver.core.hashes import reference_hash
from homeserver.core.identifiers import EventID, RoomID, ServerName, UserID, server_of
from homeserver.core.signatures import SigningKey
from homeserver.core.versions import DEFAULT_ROOM_VERSION, ROOM_VERSIONS, RoomVersion

ALICE: Final = UserID("@alice:one.example")
BOB: Final = UserID("@bob:two.example")
CAROL: Final = UserID("@carol:three.example")
DAVE: Final = UserID("@dave:one.example")

START_MS: Final = 1_700_000_000_000
STEP_MS: Final = 1_000
"""Each event of a room comes so long after the one before."""

VERSIONS: Final = tuple(ROOM_VERSIONS)
"""The IDs of all room versions, to loop over."""


@cache
def signing_key(server: str) -> SigningKey:
    """The key of a server in tests: the same in every run."""
    return SigningKey.from_seed("ed25519:test", sha256(f"seed of {server}".encode()).digest())


def verify_keys(*servers: str) -> dict[ServerName, dict[str, bytes]]:
    """The public keys of such servers, as ``check_signatures`` takes them."""
    return {ServerName(server): {"ed25519:test": signing_key(server).verify_key} for server in servers}


@frozen
class Room:
    """
    A room at one of its tips.

    *state* is the state after the tip; *events* are all events of the room by ID, oldest first; *tips* are what the
    next event's prev_events will be.
    """

    version: RoomVersion
    creator: UserID
    room_id: RoomID | None = None
    """None until there is a create event."""
    state: Mapping[StateKey, Event] = field(factory=dict, repr=False)
    events: Mapping[EventID, Event] = field(factory=dict, repr=False)
    tips: tuple[EventID, ...] = ()
    salt: str = ""
    """Tells forks apart whose events would else be the same to the last bit; see ``fork``."""

    @property
    def last(self) -> Event:
        """The event that was added last."""
        return self.events[self.tips[-1]]

    @property
    def state_ids(self) -> dict[StateKey, EventID]:
        """The state as IDs."""
        return {key: event.event_id for key, event in self.state.items()}

    @property
    def create(self) -> Event:
        return self.state[("m.room.create", "")]

    def event(
        self,
        event_type: str,
        content: JSONObject | None = None,
        *,
        sender: UserID | None = None,
        state_key: str | None = None,
        redacts: EventID | None = None,
        prev_events: Sequence[EventID] | None = None,
        auth_events: Sequence[EventID] | None = None,
        depth: int | None = None,
        now_ms: int | None = None,
    ) -> Event:
        """
        An event at the tip of the room, sound unless overridden, signed by every server that must; not added.

        The sender is the creator unless told otherwise.
        """
        sender = sender or self.creator
        content = {} if content is None else content
        unplaced = UnplacedEvent(self.version, self.room_id, event_type, sender, content, state_key, redacts)
        keys = auth_keys(self.version, event_type, sender, state_key, content)
        cited = [event.event_id for event in select_auth_events(keys, self.state)]
        before = self.tips if prev_events is None else tuple(prev_events)
        authorized_by = cited if auth_events is None else list(auth_events)
        server = server_of(sender)
        event = build_event(
            unplaced,
            prev_events=before,
            auth_events=authorized_by,
            depth=self._depth(before) if depth is None else depth,
            now_ms=START_MS + STEP_MS * len(self.events) if now_ms is None else now_ms,
            server=server,
            key=signing_key(server),
            opaque_id=self._opaque_id(event_type, sender, state_key),
            reference_hashes=self._hashes({*before, *authorized_by}),
        )
        for other in sorted(required_signatures(event) - {server}):
            event = sign_event(event, other, signing_key(other))
        return event

    def message(self, body: str = "hello", *, sender: UserID | None = None) -> Event:
        """A text message at the tip, not added."""
        return self.event("m.room.message", {"msgtype": "m.text", "body": body}, sender=sender)

    def membership(self, user_id: UserID, membership: str, *, by: UserID | None = None) -> Event:
        """A bare m.room.member at the tip, not added; the creator invites and bans unless *by* says who."""
        sender = by or (self.creator if membership in {"invite", "ban"} else user_id)
        return self.event("m.room.member", {"membership": membership}, sender=sender, state_key=user_id)

    def adding(self, *events: Event) -> "Room":
        """The room after these events, one after another; state events take effect."""
        state, known = dict(self.state), dict(self.events)
        tips = self.tips
        for event in events:
            known[event.event_id] = event
            if event.is_state:
                state[event.key] = event
            tips = (*(tip for tip in tips if tip not in event.prev_events), event.event_id)
        return evolve(self, state=state, events=known, tips=tips, room_id=self.room_id or events[0].room_id)

    def with_event(
        self,
        event_type: str,
        content: JSONObject | None = None,
        *,
        sender: UserID | None = None,
        state_key: str | None = None,
        now_ms: int | None = None,
    ) -> "Room":
        """The room after such an event; ``.last`` is it."""
        return self.adding(self.event(event_type, content, sender=sender, state_key=state_key, now_ms=now_ms))

    def with_state(
        self,
        event_type: str,
        content: JSONObject | None = None,
        state_key: str = "",
        *,
        sender: UserID | None = None,
        now_ms: int | None = None,
    ) -> "Room":
        """The room after such a state event."""
        return self.with_event(event_type, content, sender=sender, state_key=state_key, now_ms=now_ms)

    def with_member(self, user_id: UserID, membership: str = "join", *, by: UserID | None = None) -> "Room":
        """
        The room after *user_id* has come to this membership.

        Who joins a room that is not public is invited first.
        """
        room = self
        invited = ("m.room.member", user_id) in room.state
        if membership == "join" and user_id != room.creator and not room.is_public and not invited:
            room = room.adding(room.membership(user_id, "invite"))
        return room.adding(room.membership(user_id, membership, by=by))

    def with_members(self, *user_ids: UserID) -> "Room":
        """The room after these have joined."""
        room = self
        for user_id in user_ids:
            room = room.with_member(user_id)
        return room

    def with_levels(self, *, sender: UserID | None = None, **levels: object) -> "Room":
        """The room after a power-levels event that is the current one with these keys changed."""
        current = self.state.get(("m.room.power_levels", ""))
        content: JSONObject = {**(current.content if current else {}), **levels}  # type: ignore[dict-item]
        return self.with_state("m.room.power_levels", content, sender=sender)

    def with_messages(self, count: int, *, sender: UserID | None = None) -> "Room":
        """The room after so many messages."""
        room = self
        for number in range(count):
            room = room.adding(room.message(f"message {number}", sender=sender))
        return room

    def fork(self, salt: str) -> "Room":
        """The same room, whose coming events get IDs of their own although they may say the same (until v2)."""
        return evolve(self, salt=self.salt + salt)

    def merged_with(self, other: "Room", state: Mapping[StateKey, Event]) -> "Room":
        """The room that knows both branches, whose tips are those of both, and whose state is *state*."""
        events = {**self.events, **other.events}
        ended = {event_id for event in events.values() for event_id in event.prev_events}
        tips = tuple(tip for tip in dict.fromkeys((*self.tips, *other.tips)) if tip not in ended)
        return evolve(self, state=dict(state), events=events, tips=tips)

    @property
    def is_public(self) -> bool:
        rules = self.state.get(("m.room.join_rules", ""))
        return rules is not None and rules.content.get("join_rule") == "public"

    def _depth(self, before: Sequence[EventID]) -> int:
        return 1 + max((self.events[event_id].depth for event_id in before), default=0)

    def _opaque_id(self, *parts: object) -> str:
        named = "|".join(map(str, (*parts, len(self.events), self.tips, self.salt)))
        return sha256(named.encode()).hexdigest()[:18]

    def _hashes(self, event_ids: set[EventID]) -> dict[EventID, bytes]:
        if not self.version.references_with_hashes:
            return {}
        # An event that the room does not hold is referred to by some hash, as a test that overrides wants it.
        return {
            event_id: reference_hash(self.events[event_id].pdu, self.version)
            if event_id in self.events
            else sha256(event_id.encode()).digest()
            for event_id in event_ids
        }


def an_empty_room(version: str = DEFAULT_ROOM_VERSION.id, creator: UserID = ALICE) -> Room:
    """A room without any event, into which ``event("m.room.create", ...)`` is still to come."""
    room_version = ROOM_VERSIONS[version]
    named = None if room_version.auth.room_id_is_create_hash else RoomID(f"!room:{server_of(creator)}")
    return Room(room_version, creator, named)


def a_room(
    version: str = DEFAULT_ROOM_VERSION.id,
    *,
    creator: UserID = ALICE,
    join_rule: str | None = "invite",
    power_levels: JSONObject | None = None,
    has_levels: bool = True,
    history_visibility: str | None = "shared",
    additional_creators: Sequence[UserID] = (),
    create_content: JSONObject | None = None,
) -> Room:
    """
    A room as a server makes one: created, its creator joined, with levels, a join rule and a history visibility.

    *power_levels* are the whole content; without them the creator has 100 (until v11) and all else is default, and with
    *has_levels* False there is no such event.  None for *join_rule* or *history_visibility* leaves that event out.
    """
    room = an_empty_room(version, creator)
    rules = room.version.auth
    content: JSONObject = {"room_version": version, **(create_content or {})}
    if rules.creator_in_content:
        content["creator"] = creator
    if additional_creators:
        content["additional_creators"] = list(additional_creators)
    if power_levels is None:
        power_levels = {} if rules.privileged_creators else {"users": {creator: 100}}
    room = room.with_state("m.room.create", content)
    room = room.adding(room.membership(creator, "join"))
    if has_levels:
        room = room.with_state("m.room.power_levels", power_levels)
    if join_rule is not None:
        rule: JSONObject = {"join_rule": join_rule}
        room = room.with_state("m.room.join_rules", rule)
    if history_visibility is not None:
        room = room.with_state("m.room.history_visibility", {"history_visibility": history_visibility})
    return room
