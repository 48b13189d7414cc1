"""
Which events of a room's state give permission for a new one.

Spec: server-server-api#auth-events-selection
"""

from collections.abc import Mapping
from typing import Final, TypeVar

from homeserver.core.canonical import JSON
from homeserver.core.events import Event, StateKey
from homeserver.core.identifiers import UserID
from homeserver.core.versions import RoomVersion

CREATE: Final[StateKey] = ("m.room.create", "")
POWER_LEVELS: Final[StateKey] = ("m.room.power_levels", "")
JOIN_RULES: Final[StateKey] = ("m.room.join_rules", "")

_Entry = TypeVar("_Entry")


def auth_keys(
    version: RoomVersion, event_type: str, sender: UserID, state_key: str | None, content: Mapping[str, JSON]
) -> list[StateKey]:
    """
    The state keys whose events are the auth_events of such an event, without repetition; empty for m.room.create.

    The state need not have them all.
    """
    if event_type == "m.room.create":
        return []
    # Since v12: the room ID says which the create event is, and auth_events never hold it.
    keys = [] if version.auth.room_id_is_create_hash else [CREATE]
    keys += [POWER_LEVELS, ("m.room.member", sender)]
    if event_type == "m.room.member" and state_key is not None:
        keys += _member_keys(version, state_key, content)
    return list(dict.fromkeys(keys))


def auth_keys_of(event: Event) -> list[StateKey]:
    """The same for an event that exists."""
    return auth_keys(event.version, event.type, event.sender, event.state_key, event.content)


def rule_keys_of(event: Event) -> list[StateKey]:
    """
    The state keys that the rules look at when they check *event*: its auth_keys, and m.room.create in every version.
    """
    keys = auth_keys_of(event)
    return keys if not event.version.auth.room_id_is_create_hash or event.type == "m.room.create" else [CREATE, *keys]


def select_auth_events(keys: list[StateKey], state: Mapping[StateKey, _Entry]) -> list[_Entry]:
    """What *state* holds under *keys*, in their order."""
    return [state[key] for key in keys if key in state]


def _member_keys(version: RoomVersion, target: str, content: Mapping[str, JSON]) -> list[StateKey]:
    keys: list[StateKey] = [("m.room.member", target)]
    membership = content.get("membership")
    if membership in {"join", "invite", "knock"} if isinstance(membership, str) else False:
        keys.append(JOIN_RULES)
    if membership == "invite":
        token = _third_party_token(content)
        if token is not None:
            keys.append(("m.room.third_party_invite", token))
    # Since v8: a member of the room may let others in.
    if membership == "join" and version.auth.restricted:
        authorizer = content.get("join_authorised_via_users_server")
        if isinstance(authorizer, str):
            keys.append(("m.room.member", authorizer))
    return keys


def _third_party_token(content: Mapping[str, JSON]) -> str | None:
    invite = content.get("third_party_invite")
    signed = invite.get("signed") if isinstance(invite, dict) else None
    token = signed.get("token") if isinstance(signed, dict) else None
    return token if isinstance(token, str) else None
