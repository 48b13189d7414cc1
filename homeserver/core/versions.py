"""
Room versions as data: each is a diff of the one before.

Spec: rooms#feature-matrix
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from attrs import evolve, field, frozen

from homeserver.core.malformed import Malformed


@frozen(eq=False)
class AuthRules:
    """What the authorization rules of a version ask.  Spec: rooms/v12#authorisation-rules"""

    aliases_by_server: bool = True
    """Until v5: m.room.aliases is allowed to the server its state key names."""
    redaction_by_server_of_event: bool = True
    """Until v2: a redaction is authorized by the redact level, or against the redacted event's ID."""
    notifications_level_checked: bool = False
    """Since v6: changes of power_levels.notifications are checked."""
    knockable: frozenset[str] = frozenset()
    """Join rules that let a user knock; empty until v6, where knocking is no membership."""
    restricted: frozenset[str] = frozenset()
    """Join rules that let members of other rooms join; empty until v7."""
    integer_power_levels: bool = False
    """Since v10: power levels are integers; before, strings of digits count too, and until v5 floats."""
    creator_in_content: bool = True
    """Until v10: the creator is content.creator; since v11 the sender of m.room.create."""
    privileged_creators: bool = False
    """Since v12: creators stand above every power level."""
    room_id_is_create_hash: bool = False
    """Since v12: the room ID is the ID of the create event, which is in no auth_events."""
    state_key_rule: Callable[[Any, Any], Any] | None = None
    """What a proposal asks of an event with a state key (the event, its situation), in the place of v12's rule 9."""


@frozen(eq=False)
class RedactionRules:
    """
    Which keys survive a redaction.  Spec: rooms/v11#redactions

    *content_keys* holds the event types that keep any of their content; no other does.
    """

    event_keys: frozenset[str]
    content_keys: Mapping[str, frozenset[str]]
    create_content_kept: bool = False
    """Since v11: m.room.create keeps the whole of its content."""
    third_party_invite_signed_kept: bool = False
    """Since v11: m.room.member keeps content.third_party_invite, of which ``signed`` alone stays."""


@frozen(eq=False)
class RoomVersion:
    """One room version: which algorithms of which kind it uses.  There is one value a version, so identity compares."""

    id: str
    auth: AuthRules = field(repr=False)
    redaction: RedactionRules = field(repr=False)
    event_id_format: int = 1
    """1: ``$opaque:server``, in the event; 2 (v3): ``$`` and the hash in base64; 3 (since v4): in URL-safe base64."""
    references_with_hashes: bool = True
    """Until v2: prev_events and auth_events are pairs of ID and hashes."""
    event_id_server_signs: bool = True
    """Until v2: the server that the event ID names must have signed too."""
    resolution: str = "v1"
    """``v1``, ``v2`` or ``v2.1``."""
    signing_keys_valid_at_event: bool = False
    """Since v5: the signing key must have been valid when the event was sent."""
    strict_canonical_json: bool = False
    """Since v6: events hold no floats and no integer outside canonical JSON's range."""
    depth_max: int = 2**63 - 1
    """Since v6 2**53 - 1."""
    redacts_in_content: bool = False
    """Since v11: what a redaction redacts is in its content."""
    redactions_applied_on_receipt: bool = True
    """Since v3 false: a redaction is carried out only after the receiving server has checked the power level itself."""
    state_key_bytes_max: int = 255
    """How long a state key may be."""
    stable: bool = True


_V1_EVENT_KEYS: Final = frozenset(
    {
        "event_id", "type", "room_id", "sender", "state_key", "content", "hashes", "signatures", "depth",
        "prev_events", "prev_state", "auth_events", "origin", "origin_server_ts", "membership",
    }
)  # fmt: skip

_V6_CONTENT_KEYS: Final = {
    "m.room.member": frozenset({"membership"}),
    "m.room.create": frozenset({"creator"}),
    "m.room.join_rules": frozenset({"join_rule"}),
    "m.room.power_levels": frozenset(
        {"ban", "events", "events_default", "kick", "redact", "state_default", "users", "users_default"}
    ),
    "m.room.history_visibility": frozenset({"history_visibility"}),
}
_V1_CONTENT_KEYS: Final = _V6_CONTENT_KEYS | {"m.room.aliases": frozenset({"aliases"})}
_V8_CONTENT_KEYS: Final = _V6_CONTENT_KEYS | {"m.room.join_rules": frozenset({"join_rule", "allow"})}
_V9_CONTENT_KEYS: Final = _V8_CONTENT_KEYS | {
    "m.room.member": frozenset({"membership", "join_authorised_via_users_server"}),
}
_V11_CONTENT_KEYS: Final = _V9_CONTENT_KEYS | {
    "m.room.power_levels": _V9_CONTENT_KEYS["m.room.power_levels"] | {"invite"},
    "m.room.redaction": frozenset({"redacts"}),
}

V1: Final = RoomVersion("1", AuthRules(), RedactionRules(_V1_EVENT_KEYS, _V1_CONTENT_KEYS))
V2: Final = evolve(V1, id="2", resolution="v2")
V3: Final = evolve(
    V2,
    id="3",
    event_id_format=2,
    references_with_hashes=False,
    event_id_server_signs=False,
    redactions_applied_on_receipt=False,
    auth=evolve(V2.auth, redaction_by_server_of_event=False),
)
V4: Final = evolve(V3, id="4", event_id_format=3)
V5: Final = evolve(V4, id="5", signing_keys_valid_at_event=True)
V6: Final = evolve(
    V5,
    id="6",
    strict_canonical_json=True,
    depth_max=2**53 - 1,
    auth=evolve(V5.auth, aliases_by_server=False, notifications_level_checked=True),
    redaction=evolve(V5.redaction, content_keys=_V6_CONTENT_KEYS),
)
V7: Final = evolve(V6, id="7", auth=evolve(V6.auth, knockable=frozenset({"knock"})))
V8: Final = evolve(
    V7,
    id="8",
    auth=evolve(V7.auth, restricted=frozenset({"restricted"})),
    redaction=evolve(V7.redaction, content_keys=_V8_CONTENT_KEYS),
)
V9: Final = evolve(V8, id="9", redaction=evolve(V8.redaction, content_keys=_V9_CONTENT_KEYS))
V10: Final = evolve(
    V9,
    id="10",
    auth=evolve(
        V9.auth,
        integer_power_levels=True,
        knockable=frozenset({"knock", "knock_restricted"}),
        restricted=frozenset({"restricted", "knock_restricted"}),
    ),
)
V11: Final = evolve(
    V10,
    id="11",
    redacts_in_content=True,
    auth=evolve(V10.auth, creator_in_content=False),
    redaction=evolve(
        V10.redaction,
        event_keys=_V1_EVENT_KEYS - {"origin", "membership", "prev_state"},
        content_keys=_V11_CONTENT_KEYS,
        create_content_kept=True,
        third_party_invite_signed_kept=True,
    ),
)
V12: Final = evolve(
    V11,
    id="12",
    resolution="v2.1",
    auth=evolve(V11.auth, privileged_creators=True, room_id_is_create_hash=True),
)

ROOM_VERSIONS: Final = {version.id: version for version in (V1, V2, V3, V4, V5, V6, V7, V8, V9, V10, V11, V12)}
DEFAULT_ROOM_VERSION: Final = V12


def register(version: RoomVersion) -> None:
    """The version of a proposal is known; a second time nothing happens."""
    assert not version.stable, "what the specification has stands above"
    assert ROOM_VERSIONS.setdefault(version.id, version) is version, f"there is another {version.id}"


def parse_room_version(text: object) -> RoomVersion:
    """The version called *text*.  Raises Malformed with ``M_UNSUPPORTED_ROOM_VERSION`` when there is none."""
    if not isinstance(text, str) or text not in ROOM_VERSIONS:
        known = ", ".join(ROOM_VERSIONS)
        raise Malformed(
            f"This server knows the room versions {known}; not {text!r}.",
            "room_version",
            "M_UNSUPPORTED_ROOM_VERSION",
        )
    return ROOM_VERSIONS[text]
