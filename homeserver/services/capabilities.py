"""
What the server can do, as far as a client must ask.

Spec: client-server-api#capabilities-negotiation
"""

from collections.abc import Mapping

from attrs import field, frozen

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.profiles import DISPLAY_NAME
from homeserver.core.versions import ROOM_VERSIONS, RoomVersion
from homeserver.services.callers import Caller


@frozen
class Capabilities:
    """Answers what is optional in the protocol."""

    default_room_version: RoomVersion
    proposed: Mapping[str, JSON] = field(factory=dict)
    """What proposals add."""

    can_mail: bool = False
    """Whether users can prove addresses, and so have others than they have."""

    def of(self, caller: Caller) -> JSONObject:
        """``{capability: what is to be known of it}``, as it is for the caller."""
        may = not caller.is_guest
        profile_fields: JSONObject = {"enabled": True}
        if caller.is_guest:
            profile_fields["allowed"] = [DISPLAY_NAME]
        return {
            "m.room_versions": {
                "default": self.default_room_version.id,
                "available": {v.id: "stable" if v.stable else "unstable" for v in ROOM_VERSIONS.values()},
            },
            "m.change_password": {"enabled": may},
            "m.get_login_token": {"enabled": may},
            "m.profile_fields": profile_fields,
            "uk.tcpip.msc4133.profile_fields": profile_fields,
            "m.set_displayname": {"enabled": True},
            "m.set_avatar_url": {"enabled": may},
            "m.3pid_changes": {"enabled": may and self.can_mail},
            **_moderation(caller),
            "m.forget_forced_upon_leave": {"enabled": False},
            **self.proposed,
        }


def _moderation(caller: Caller) -> JSONObject:
    """Spec: client-server-api#account-moderation"""
    return {"m.account_moderation": {"suspend": True, "lock": True}} if caller.is_admin else {}
