"""
The authorization rules that depend on the state of the room.

Numbers in comments are those of v12 unless they say otherwise.

Spec: rooms/v12#authorisation-rules
"""

from collections.abc import Mapping

from homeserver.core.auth_events import CREATE
from homeserver.core.authorization.create import check_create
from homeserver.core.authorization.legacy import check_aliases, check_legacy_redaction
from homeserver.core.authorization.member import check_member
from homeserver.core.authorization.power_levels import check_power_levels
from homeserver.core.authorization.situation import Situation
from homeserver.core.authorization.third_party_invite import check_third_party_invite
from homeserver.core.events import Event, StateKey
from homeserver.core.identifiers import server_of
from homeserver.core.verdicts import ALLOWED, Denied, Verdict


def check_event(event: Event, auth_state: Mapping[StateKey, Event]) -> Verdict:
    """
    Whether *event* may be in a room whose state is *auth_state*.

    *auth_state* holds at least what the state has under ``rule_keys_of(event)``; that includes m.room.create always.
    Signatures are taken as checked: ``required_signatures`` says whose.
    """
    # Rule 1.
    if event.type == "m.room.create":
        return check_create(event)
    create = auth_state.get(CREATE)
    if create is None:
        return Denied("create.missing")
    # Since v12, rule 2: the room ID names the create event.
    rules = event.version.auth
    if rules.room_id_is_create_hash and event.room_id[1:] != create.event_id[1:]:
        return Denied("create.another_room")
    # Rule 4.
    if create.content.get("m.federate") is False and server_of(event.sender) != server_of(create.sender):
        return Denied("create.not_federated")
    # Until v5: aliases have a rule of their own, and members or not is no question.
    if rules.aliases_by_server and event.type == "m.room.aliases":
        return check_aliases(event)
    situation = Situation.of(auth_state, create)
    # Rule 5.
    if event.type == "m.room.member":
        return check_member(event, situation)
    return _check_member_sends(event, situation)


def _check_member_sends(event: Event, situation: Situation) -> Verdict:
    # Rule 6.
    if not situation.is_joined(event.sender):
        return Denied("sender.not_joined")
    # Rule 7.
    if event.type == "m.room.third_party_invite":
        return check_third_party_invite(event, situation)
    # Rule 8.
    if not situation.levels.may_send(event.sender, event.type, event.is_state):
        return Denied("sender.power_level")
    # Rule 9.
    verdict = _check_state_key(event, situation)
    if not verdict:
        return verdict
    # Rule 10.
    if event.type == "m.room.power_levels":
        return check_power_levels(event, situation)
    # Until v2, rule 11: redactions.
    if event.type == "m.room.redaction" and event.version.auth.redaction_by_server_of_event:
        return check_legacy_redaction(event, situation)
    return ALLOWED


def _check_state_key(event: Event, situation: Situation) -> Verdict:
    if event.state_key is None:
        return ALLOWED
    proposed = situation.rules.state_key_rule
    if proposed is not None:
        verdict: Verdict = proposed(event, situation)
        return verdict
    if event.state_key.startswith("@") and event.state_key != event.sender:
        return Denied("state_key.another_user")
    return ALLOWED
