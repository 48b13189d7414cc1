"""
Room versions as data: each is a diff of the one before.

Spec: rooms#feature-matrix
"""

from typing import Final

from attrs import evolve, field, frozen

from homeserver.core.malformed import Malformed


@frozen
class AuthRules:
    """What the authorization rules of a version ask.  Spec: rooms/v12#authorisation-rules"""

    aliases_by_server: bool = True
    """Until v5: m.room.aliases is allowed to the server its state key names."""
    redaction_by_server_of_event: bool = True
    """Until v2: a redaction is authorized against the redacted event's ID."""
    notifications_level_checked: bool = False
    """Since v6: changes of power_levels.notifications are checked."""
    knockable: frozenset[str] = frozenset()
    """Join rules that let a user knock."""
    restricted: frozenset[str] = frozenset()
    """Join rules that let members of other rooms join."""
    integer_power_levels: bool = False
    """Since v10: power levels are integers; before, strings of digits count too."""
    creator_in_content: bool = True
    """Until v10: the creator is content.creator; since v11 the sender of m.room.create."""
    privileged_creators: bool = False
    """Since v12: creators stand above every power level."""
    room_id_is_create_hash: bool = False
    """Since v12: the room ID is the ID of the create event, which is in no auth_events."""


@frozen
class RedactionRules:
    """Which keys survive a redaction.  Spec: rooms/v11#redactions"""

    event_keys: frozenset[str]
    aliases_kept: bool = True
    join_rule_allow_kept: bool = False
    membership_authorised_via_kept: bool = False
    create_content_kept: bool = False
    redaction_redacts_kept: bool = False
    invite_power_level_kept: bool = False
    third_party_invite_signed_kept: bool = False


@frozen
class RoomVersion:
    """One room version: which algorithms of which kind it uses."""

    id: str
    auth: AuthRules
    redaction: RedactionRules
    event_id_format: int = 1
    """1: ``$opaque:server`` in the event; 2 (v3): ``$`` + standard base64 of the hash; 3 (since v4): URL-safe base64."""
    references_with_hashes: bool = True
    """Until v2: prev_events and auth_events are pairs of ID and hashes."""
    resolution: str = "v1"
    """``v1``, ``v2`` or ``v2.1``."""
    signing_keys_valid_at_event: bool = False
    """Since v5: the signing key must have been valid when the event was sent."""
    strict_canonical_json: bool = False
    """Since v6: events hold no floats and no integer outside canonical JSON's range."""
    redacts_in_content: bool = False
    """Since v11: what a redaction redacts is in its content."""
    redactions_applied_on_receipt: bool = True
    """Since v3 false: a redaction is carried out only after the receiving server has checked the power level itself."""
    stable: bool = field(default=True)


_V1_EVENT_KEYS: Final = frozenset(
    {
        "event_id", "type", "room_id", "sender", "state_key", "content", "hashes", "signatures", "depth",
        "prev_events", "prev_state", "auth_events", "origin", "origin_server_ts", "membership",
    }
)  # fmt: skip

V1: Final = RoomVersion("1", AuthRules(), RedactionRules(_V1_EVENT_KEYS))
V2: Final = evolve(V1, id="2", resolution="v2")
V3: Final = evolve(
    V2,
    id="3",
    event_id_format=2,
    references_with_hashes=False,
    redactions_applied_on_receipt=False,
    auth=evolve(V2.auth, redaction_by_server_of_event=False),
)
V4: Final = evolve(V3, id="4", event_id_format=3)
V5: Final = evolve(V4, id="5", signing_keys_valid_at_event=True)
V6: Final = evolve(
    V5,
    id="6",
    strict_canonical_json=True,
    auth=evolve(V5.auth, aliases_by_server=False, notifications_level_checked=True),
    redaction=evolve(V5.redaction, aliases_kept=False),
)
V7: Final = evolve(V6, id="7", auth=evolve(V6.auth, knockable=frozenset({"knock"})))
V8: Final = evolve(
    V7,
    id="8",
    auth=evolve(V7.auth, restricted=frozenset({"restricted"})),
    redaction=evolve(V7.redaction, join_rule_allow_kept=True),
)
V9: Final = evolve(V8, id="9", redaction=evolve(V8.redaction, membership_authorised_via_kept=True))
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
        create_content_kept=True,
        redaction_redacts_kept=True,
        invite_power_level_kept=True,
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
