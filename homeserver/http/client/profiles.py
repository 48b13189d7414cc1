"""
Profiles.

Spec: client-server-api#profiles
"""

from attrs import frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import UserID
from homeserver.core.profiles import parse_field, parse_field_name
from homeserver.http.operation import operation
from homeserver.http.replies import Empty
from homeserver.services.callers import Caller
from homeserver.services.profiles import Profiles


@frozen
class ProfileEndpoints:
    """What users tell of themselves."""

    profiles: Profiles

    @operation("getUserProfile")
    async def user_profile(self, user_id: UserID) -> JSONObject:
        """A whole profile, of a user of any server.  Raises NotFound, Unreachable."""
        return dict(await self.profiles.of(user_id))

    @operation("getProfileField")
    async def profile_field(self, user_id: UserID, key_name: str) -> JSONObject:
        """One field of a profile.  Raises NotFound, Unreachable."""
        name = parse_field_name(key_name)
        return {name: await self.profiles.field_of(user_id, name)}

    @operation("setProfileField")
    async def set_profile_field(self, caller: Caller, user_id: UserID, key_name: str, body: JSONObject) -> Empty:
        """A field has the value that the body gives it.  Raises Forbidden."""
        name = parse_field_name(key_name)
        await self.profiles.set_field(caller, user_id, name, parse_field(name, body))
        return Empty()

    @operation("deleteProfileField")
    async def delete_profile_field(self, caller: Caller, user_id: UserID, key_name: str) -> Empty:
        """A field is gone.  Raises Forbidden."""
        await self.profiles.delete_field(caller, user_id, parse_field_name(key_name))
        return Empty()
