"""
Whether a redaction is carried out; since v3 that is a question beside the authorization of the event.

Spec: rooms/v3#handling-redactions
"""

from collections.abc import Mapping

from homeserver.core.auth_events import CREATE
from homeserver.core.authorization.legacy import check_legacy_redaction
from homeserver.core.authorization.situation import Situation
from homeserver.core.events import Event, StateKey
from homeserver.core.identifiers import server_of
from homeserver.core.verdicts import ALLOWED, Denied, Verdict


def may_redact(redaction: Event, target: Event, auth_state: Mapping[StateKey, Event]) -> Verdict:
    """
    Whether *redaction*, itself authorized, strips *target*; *auth_state* is the state before the redaction.

    It holds at least m.room.create and m.room.power_levels, if there are any.
    """
    if redaction.type != "m.room.redaction" or redaction.redacts != target.event_id:
        return Denied("redaction.another_event")
    if redaction.room_id != target.room_id:
        return Denied("redaction.another_room")
    create = auth_state.get(CREATE)
    if create is None:
        return Denied("create.missing")
    situation = Situation.of(auth_state, create)
    # Until v2: the rule is part of the authorization.
    if redaction.version.redactions_applied_on_receipt:
        return check_legacy_redaction(redaction, situation)
    # Since v3: by level, or by the server of both senders.
    if situation.level(redaction.sender) >= situation.levels.named("redact"):
        return ALLOWED
    if server_of(redaction.sender) == server_of(target.sender):
        return ALLOWED
    return Denied("redaction.power_level")
