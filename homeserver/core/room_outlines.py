"""
What is shown of a room to those who are not in it, and of a space what is in it: told by this server or by another.

Spec: client-server-api#spaces
"""

import re
from collections.abc import Container, Iterable, Mapping
from typing import Final

from attrs import frozen

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.events import Event
from homeserver.core.identifiers import RoomID, ServerName, parse_room_id, parse_server_name
from homeserver.core.malformed import Malformed
from homeserver.core.versions import ROOM_VERSIONS

SPACE: Final = "m.space"
SPACE_CHILD: Final = "m.space.child"
ORDER: Final = re.compile(r"[\x20-\x7e]{1,50}\Z")
KNOCKABLE: Final = frozenset({"knock", "knock_restricted"})
RESTRICTED: Final = frozenset({"restricted", "knock_restricted"})

_TEXTS: Final = ("name", "topic", "room_type", "join_rule", "encryption", "room_version")
_FORMATTED: Final = {"canonical_alias": "#", "avatar_url": "mxc://"}
_FLAGS: Final = ("world_readable", "guest_can_join")


@frozen
class SpaceChild:
    """A room that a space says is in it.  *shown*: the stripped event that says so."""

    room_id: RoomID
    via: tuple[ServerName, ...]
    """Servers that may know the room."""
    order: str | None
    origin_server_ts: int
    suggested: bool
    shown: JSONObject


@frozen
class RoomOutline:
    """
    A room as it is shown to who is not in it.

    *shown*: the members that the spec knows, but for ``children_state``.  *children*: of a space, in their order.
    """

    room_id: RoomID
    shown: JSONObject
    children: tuple[SpaceChild, ...] = ()

    @property
    def is_space(self) -> bool:
        return self.shown.get("room_type") == SPACE

    @property
    def join_rule(self) -> str:
        # Spec: client-server-api#get_matrixclientv3publicrooms; a rule that is not named is public.
        rule = self.shown.get("join_rule", "public")
        assert isinstance(rule, str), "an outline is checked where it is made"
        return rule

    @property
    def allowed_room_ids(self) -> list[JSON]:
        """The rooms whose members may join, where the rule is a restricted one."""
        allowed = self.shown.get("allowed_room_ids", [])
        assert isinstance(allowed, list), "an outline is checked where it is made"
        return allowed if self._has_rule(RESTRICTED) else []

    @property
    def shows_itself(self) -> bool:
        """Whether everybody may know of the room: who may read it, join it, or ask to be let in."""
        return self.shown.get("world_readable") is True or self.join_rule == "public" or self._has_rule(KNOCKABLE)

    def is_shown_to(self, membership: str | None, joined: Container[RoomID]) -> bool:
        """
        Whether somebody may know of the room who is *membership* to it and in the rooms *joined*.

        Spec: client-server-api#get_matrixclientv1roomsroomidhierarchy
        """
        if self.shown.get("world_readable") is True or membership in {"join", "invite"}:
            return True
        if membership == "ban":
            return False
        return self.shows_itself or any(room_id in joined for room_id in self.allowed_room_ids)

    def to_json(self, *, suggested_only: bool = False) -> JSONObject:
        """The room with its children's events."""
        children = [child.shown for child in self.children if child.suggested or not suggested_only]
        return {**self.shown, "children_state": [*children]}

    def _has_rule(self, rules: frozenset[str]) -> bool:
        """Whether the room's rule is one of *rules*, in a version that knows it."""
        version = ROOM_VERSIONS.get(str(self.shown.get("room_version")))
        known = rules if version is None else rules & (version.auth.knockable | version.auth.restricted)
        return self.join_rule in known


@frozen
class OutlinedSpace:
    """
    What a server tells of a space.

    *children*: rooms in it.  *inaccessible*: rooms in it that this server has no way into.
    """

    room: RoomOutline
    children: Mapping[RoomID, RoomOutline]
    inaccessible: frozenset[RoomID] = frozenset()


def child_of(event: Event) -> SpaceChild | None:
    """The child that an event of a space's state names; None: it names none, or none any more."""
    shown: JSONObject = {
        "type": event.type,
        "state_key": event.state_key,
        "content": dict(event.content),
        "sender": event.sender,
    }
    return parse_child({**shown, "origin_server_ts": event.origin_server_ts})


def parse_child(stripped: JSON) -> SpaceChild | None:
    """The same from the stripped event, with its time."""
    if not isinstance(stripped, dict) or stripped.get("type") != SPACE_CHILD:
        return None
    content, ts, sender = stripped.get("content"), stripped.get("origin_server_ts"), stripped.get("sender")
    if not isinstance(content, dict) or type(ts) is not int or not isinstance(sender, str):
        return None
    via = content.get("via")
    if not isinstance(via, list) or not all(isinstance(server, str) for server in via):
        return None
    try:
        room_id = parse_room_id(stripped.get("state_key"))
    except Malformed:
        return None
    order = content.get("order")
    return SpaceChild(
        room_id,
        _servers(via),
        order if isinstance(order, str) and ORDER.match(order) else None,
        ts,
        content.get("suggested") is True,
        {
            "type": SPACE_CHILD,
            "state_key": room_id,
            "content": content,
            "sender": sender,
            "origin_server_ts": ts,
        },
    )


def in_order(children: Iterable[SpaceChild]) -> tuple[SpaceChild, ...]:
    """Spec: client-server-api#ordering-of-children-within-a-space"""
    return tuple(
        sorted(children, key=lambda each: (each.order is None, each.order or "", each.origin_server_ts, each.room_id))
    )


def parse_outline(told: JSON) -> RoomOutline | None:
    """What another server tells of a room, as far as the spec knows it; None when it lacks what each must have."""
    if not isinstance(told, dict):
        return None
    try:
        room_id = parse_room_id(told.get("room_id"))
    except Malformed:
        return None
    members = told.get("num_joined_members")
    if type(members) is not int or members < 0 or not all(type(told.get(name)) is bool for name in _FLAGS):
        return None
    shown: JSONObject = {"room_id": room_id, "num_joined_members": members}
    shown.update((name, told[name]) for name in _FLAGS)
    shown.update((name, told[name]) for name in _TEXTS if isinstance(told.get(name), str))
    for name, beginning in _FORMATTED.items():
        text = told.get(name)
        if isinstance(text, str) and text.startswith(beginning):
            shown[name] = text
    allowed = told.get("allowed_room_ids")
    if isinstance(allowed, list):
        shown["allowed_room_ids"] = [each for each in allowed if isinstance(each, str) and each.startswith("!")]
    events = told.get("children_state")
    children = (parse_child(event) for event in (events if isinstance(events, list) else ()))
    return RoomOutline(room_id, shown, in_order(child for child in children if child is not None))


def parse_space(answer: Mapping[str, JSON], room_id: RoomID) -> OutlinedSpace | None:
    """What another server answered about a space or room; None: nothing of use.  Spec: server-server-api#spaces"""
    room = parse_outline(answer.get("room"))
    if room is None or room.room_id != room_id:
        return None
    children, inaccessible = answer.get("children"), answer.get("inaccessible_children")
    outlines = [parse_outline(child) for child in (children if isinstance(children, list) else ())]
    hidden = [each for each in (inaccessible if isinstance(inaccessible, list) else ()) if isinstance(each, str)]
    # A server speaks of what it says is in the space, and of nothing else.
    named = {child.room_id for child in room.children}
    return OutlinedSpace(
        room,
        {each.room_id: each for each in outlines if each is not None and each.room_id in named},
        frozenset(RoomID(each) for each in hidden if each in named),
    )


def _servers(names: Iterable[JSON]) -> tuple[ServerName, ...]:
    servers: dict[ServerName, None] = {}
    for name in names:
        try:
            servers[parse_server_name(name)] = None
        except Malformed:
            continue
    return tuple(servers)
