"""The published rooms of other servers.  Implements ``homeserver.services.ports.RemoteDirectory``."""

from attrs import frozen

from federation.core.paths import FEDERATION_V1
from federation.core.published_rooms import known_page
from federation.services.ports import Peers
from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import ServerName
from homeserver.core.room_directory import RoomQuery
from homeserver.services.ports import PeerFault, PeerUnreachable
from homeserver.services.refusals import Unreachable

PATH = f"{FEDERATION_V1}/publicRooms"


@frozen(eq=False)
class RemoteDirectory:
    """Asks the servers themselves."""

    peers: Peers

    async def public_rooms(self, server: ServerName, query: RoomQuery) -> JSONObject:
        """A page of them, as that server answered it.  Raises Unreachable."""
        try:
            return known_page(await self.peers.send(server, "POST", PATH, _body(query)))
        except (PeerUnreachable, PeerFault) as error:
            raise Unreachable(f"{server} does not show its rooms.") from error


def _body(query: RoomQuery) -> JSONObject:
    """Spec: server-server-api#post_matrixfederationv1publicrooms"""
    filter_: JSONObject = {}
    if query.term is not None:
        filter_["generic_search_term"] = query.term
    if query.room_types is not None:
        types: list[JSON] = [*sorted(each for each in query.room_types if each is not None)]
        filter_["room_types"] = [*types, None] if None in query.room_types else types
    body: JSONObject = {"filter": filter_, "include_all_networks": query.include_all_networks}
    for name, value in (
        ("limit", query.limit),
        ("since", query.since),
        ("third_party_instance_id", query.third_party_instance_id),
    ):
        if value is not None:
            body[name] = value
    return body
