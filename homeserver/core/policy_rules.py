"""
Rules of policy rooms: whom and what they ban.

Spec: client-server-api#moderation-policy-lists
"""

import re
from collections.abc import Iterable
from typing import Final

from attrs import frozen

from homeserver.core.events import Event
from homeserver.core.globs import GlobSet, compile_globs
from homeserver.core.identifiers import RoomID, ServerName, UserID, server_of

USER, SERVER, ROOM = "user", "server", "room"
# Beside the spec's types those from before they were specified, which old lists still hold.
KINDS: Final = {
    f"{prefix}.{kind}": kind
    for prefix in ("m.policy.rule", "m.room.rule", "org.matrix.mjolnir.rule")
    for kind in (USER, SERVER, ROOM)
}
"""What each type of state event is a rule about."""
_BAN: Final = frozenset({"m.ban", "org.matrix.mjolnir.ban"})
_PORT: Final = re.compile(r":[0-9]{1,5}\Z")


@frozen
class Rule:
    """That whatever matches *entity* is to be banned; *kind* is one of ``user``, ``server``, ``room``."""

    kind: str
    entity: str


@frozen
class Bans:
    """Many rules, compiled.  *own*: this server, which no rule about servers is about."""

    own: ServerName
    users: GlobSet
    servers: GlobSet
    rooms: GlobSet

    def bans_user(self, user_id: UserID) -> bool:
        """Whether a rule is about the user or the user's server."""
        server = server_of(user_id)
        if self.users.matches(user_id):
            return True
        return server != self.own and self.servers.matches(_PORT.sub("", server).lower())

    def bans_room(self, room_id: RoomID) -> bool:
        """Whether a rule is about the room."""
        return self.rooms.matches(room_id)


def rule_of(event: Event) -> Rule | None:
    """The ban that a state event is; None: it is none, or takes one back."""
    kind = KINDS.get(event.type)
    entity = event.content.get("entity")
    if kind is None or not isinstance(entity, str) or event.content.get("recommendation") not in _BAN:
        return None
    return Rule(kind, entity)


def bans_of(own: ServerName, rules: Iterable[Rule]) -> Bans:
    """The rules as one."""
    entities: dict[str, list[str]] = {USER: [], SERVER: [], ROOM: []}
    for rule in rules:
        entities[rule.kind].append(rule.entity.lower() if rule.kind == SERVER else rule.entity)
    return Bans(own, compile_globs(entities[USER]), compile_globs(entities[SERVER]), compile_globs(entities[ROOM]))
