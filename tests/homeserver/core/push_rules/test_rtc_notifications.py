"""
Calls that ring: whom an ``m.rtc.notification`` notifies.

The proposal asks for no rule of its own: those whom the event mentions are notified, as by any other.
Spec: proposals/4075
"""

import pytest

from homeserver.core.canonical import JSONObject
from homeserver.core.events import Event
from homeserver.core.identifiers import UserID
from homeserver.core.power_levels import power_levels_of
from homeserver.core.push_rules.changes import UNCHANGED
from homeserver.core.push_rules.conditions import PushedEvent, RuleReader
from homeserver.core.push_rules.evaluation import NOTHING, Actions, compile_rules
from homeserver.core.push_rules.rules import PushRule
from homeserver.core.relations import relation_of
from tests.builders import ALICE, BOB, CAROL, a_room

ROOM = a_room("12", join_rule="public", power_levels={"users": {BOB: 20}, "notifications": {"room": 50}}).with_members(
    BOB, CAROL
)
NAMES = ("m.rtc.notification", "org.matrix.msc4075.rtc.notification")


def _rings(name: str, mentions: JSONObject, sender: UserID = BOB) -> Event:
    content: JSONObject = {
        "application": {"type": "m.call", "notification_type": "ring", "lifetime": 30_000, "sender_ts": 1},
        "m.text": [{"body": "Session started"}],
        "m.mentions": mentions,
        "m.relates_to": {"rel_type": "m.reference", "event_id": "$member"},
    }
    return ROOM.event(name, content, sender=sender)


def _actions(event: Event, rules: tuple[PushRule, ...] = ()) -> Actions:
    changed = UNCHANGED
    for rule in rules:
        changed = changed.with_rule(rule)
    pushed = PushedEvent(event, 3, power_levels_of(ROOM.state, ROOM.version))
    return compile_rules(changed).judge(pushed, RuleReader(CAROL, None))


@pytest.mark.parametrize("name", NAMES)
def test_who_is_mentioned_is_notified(name: str) -> None:
    """By name or with the whole room; the latter only by those who may."""
    assert _actions(_rings(name, {"user_ids": [CAROL]})).notify
    assert _actions(_rings(name, {"user_ids": [CAROL]})).sound == "default"
    assert _actions(_rings(name, {"room": True}, sender=ALICE)).notify
    assert not _actions(_rings(name, {"room": True}, sender=BOB)).notify
    assert _actions(_rings(name, {"user_ids": [ALICE]})) == NOTHING
    assert _actions(_rings(name, {})) == NOTHING


@pytest.mark.parametrize("name", NAMES)
def test_users_silence_calls_by_a_rule(name: str) -> None:
    """As the proposal has it: a push rule of the user's is enough against those who ring too often."""
    silence = PushRule("override", "silence", (), ({"kind": "event_match", "key": "type", "pattern": name},))

    assert not _actions(_rings(name, {"user_ids": [CAROL]}), (silence,)).notify


@pytest.mark.parametrize("name", NAMES)
def test_it_refers_to_the_membership_of_the_caller(name: str) -> None:
    """So that clients find the call."""
    relation = relation_of(_rings(name, {}).content)

    assert relation is not None
    assert (relation.rel_type, relation.event_id) == ("m.reference", "$member")
