"""
The server's own rules, in the order of the spec.

Spec: client-server-api#predefined-rules
"""

from typing import Final

from attrs import evolve

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import UserID
from homeserver.core.push_rules.rules import KINDS, PROPOSED_KIND, PushRule, RuleKind, RuleName

OWNER: Final = "[the user's Matrix ID]"
"""Stands in the rules below for the user whose rules they are."""

MASTER: Final[RuleName] = ("override", ".m.rule.master")
"""The one rule of the server's that comes before the user's own."""

_NOTIFY: Final = "notify"
_HIGHLIGHT: Final[JSONObject] = {"set_tweak": "highlight"}
_SOUND: Final[JSONObject] = {"set_tweak": "sound", "value": "default"}
_RING: Final[JSONObject] = {"set_tweak": "sound", "value": "ring"}
_TWO_MEMBERS: Final[JSONObject] = {"kind": "room_member_count", "is": "2"}


def _match(key: str, pattern: str) -> JSONObject:
    return {"kind": "event_match", "key": key, "pattern": pattern}


def _is(key: str, value: JSON) -> JSONObject:
    return {"kind": "event_property_is", "key": key, "value": value}


def _rule(kind: RuleKind, name: str, conditions: list[JSONObject], *actions: JSON, enabled: bool = True) -> PushRule:
    return PushRule(kind, f".m.rule.{name}", actions, tuple(conditions), enabled=enabled, default=True)


PREDEFINED: Final[tuple[PushRule, ...]] = (
    _rule("override", "master", [], enabled=False),
    _rule("override", "suppress_notices", [_match("content.msgtype", "m.notice")]),
    _rule(
        "override",
        "invite_for_me",
        [_match("type", "m.room.member"), _match("content.membership", "invite"), _match("state_key", OWNER)],
        _NOTIFY,
        _SOUND,
    ),
    _rule("override", "member_event", [_match("type", "m.room.member")]),
    _rule(
        "override",
        "is_user_mention",
        [{"kind": "event_property_contains", "key": r"content.m\.mentions.user_ids", "value": OWNER}],
        _NOTIFY,
        _SOUND,
        _HIGHLIGHT,
    ),
    _rule(
        "override",
        "is_room_mention",
        [_is(r"content.m\.mentions.room", True), {"kind": "sender_notification_permission", "key": "room"}],
        _NOTIFY,
        _HIGHLIGHT,
    ),
    _rule("override", "tombstone", [_match("type", "m.room.tombstone"), _match("state_key", "")], _NOTIFY, _HIGHLIGHT),
    _rule("override", "reaction", [_match("type", "m.reaction")]),
    _rule("override", "room.server_acl", [_match("type", "m.room.server_acl"), _match("state_key", "")]),
    _rule("override", "suppress_edits", [_is(r"content.m\.relates_to.rel_type", "m.replace")]),
    _rule("underride", "call", [_match("type", "m.call.invite")], _NOTIFY, _RING),
    _rule(
        "underride", "encrypted_room_one_to_one", [_TWO_MEMBERS, _match("type", "m.room.encrypted")], _NOTIFY, _SOUND
    ),
    _rule("underride", "room_one_to_one", [_TWO_MEMBERS, _match("type", "m.room.message")], _NOTIFY, _SOUND),
    _rule("underride", "message", [_match("type", "m.room.message")], _NOTIFY),
    _rule("underride", "encrypted", [_match("type", "m.room.encrypted")], _NOTIFY),
)

THREAD_SUBSCRIPTION: Final = frozenset({"thread_subscription", "io.element.msc4306.thread_subscription"})
"""The condition that an event is in a thread that the user has, or has not, subscribed to; and its name until then."""


def _subscription(subscribed: bool) -> JSONObject:
    return {"kind": "io.element.msc4306.thread_subscription", "subscribed": subscribed}


PROPOSED: Final[tuple[PushRule, ...]] = (
    PushRule(
        PROPOSED_KIND,
        ".io.element.msc4306.rule.unsubscribed_thread",
        (),
        (_subscription(False),),
        default=True,
    ),
    PushRule(
        PROPOSED_KIND,
        ".io.element.msc4306.rule.subscribed_thread",
        (_NOTIFY, _SOUND),
        (_subscription(True),),
        default=True,
    ),
)
"""They match nothing, and nobody sees them, as long as nobody can subscribe to threads.  Spec: proposals/4306"""

EVERY: Final = (*PREDEFINED, *PROPOSED)
PREDEFINED_BY_NAME: Final = {rule.name: rule for rule in EVERY}
PREDEFINED_BY_KIND: Final = {kind: tuple(rule for rule in EVERY if rule.kind == kind) for kind in KINDS}


def owned_by(rule: PushRule, user_id: UserID) -> PushRule:
    """The rule with its owner's ID where OWNER stands."""
    conditions = tuple(
        {name: user_id if part == OWNER else part for name, part in condition.items()} for condition in rule.conditions
    )
    return evolve(rule, conditions=conditions)
