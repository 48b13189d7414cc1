"""Profiles of users of other servers.  Implements ``homeserver.services.ports.RemoteProfiles``."""

from attrs import frozen

from federation.core.paths import FEDERATION_V1
from federation.services.ports import Peers
from homeserver.core.identifiers import UserID, server_of
from homeserver.core.profiles import Profile
from homeserver.services.ports import PeerFault
from homeserver.services.refusals import NotFound


@frozen(eq=False)
class RemoteProfiles:
    """Asks the users' own servers."""

    peers: Peers

    async def fetch(self, user_id: UserID, field: str | None) -> Profile:
        """The profile, or one field of it (empty: none).  Raises NotFound, PeerFault, PeerUnreachable."""
        query = {"user_id": user_id} if field is None else {"user_id": user_id, "field": field}
        try:
            answer = await self.peers.fetch(server_of(user_id), f"{FEDERATION_V1}/query/profile", query)
        except PeerFault as fault:
            if fault.status == 404:
                raise NotFound("There is no such user.") from fault
            raise
        return {key: value for key, value in answer.items() if field is None or key == field}
