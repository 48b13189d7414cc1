"""
The published directory: which rooms this server shows to everybody, and what other servers show.

Spec: client-server-api#published-room-directory
"""

from attrs import define

from homeserver.core.appservices.networks import parse_instance_id
from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import ServerName
from homeserver.core.room_directory import ROOMS_DEFAULT, ROOMS_MAX, RoomPlace, RoomQuery, parse_room_place
from homeserver.services.ports import RemoteDirectory
from homeserver.store import room_summaries
from homeserver.store.database import Database
from homeserver.store.room_summaries import ALL_NETWORKS, MATRIX, Network, RoomSummary


@define(eq=False)
class Directory:
    """Lists published rooms."""

    server: ServerName
    database: Database
    remote: RemoteDirectory

    async def page(self, query: RoomQuery, server: ServerName | None = None) -> JSONObject:
        """A page of a server's directory; None: of this one's.  Raises Malformed, Unreachable."""
        if server is not None and server != self.server:
            return await self.remote.public_rooms(server, query)
        return await self.local_page(query)

    async def local_page(self, query: RoomQuery) -> JSONObject:
        """A page of this server's directory, for its users and for other servers.  Raises Malformed."""
        network = ALL_NETWORKS if query.include_all_networks else MATRIX
        if query.third_party_instance_id is not None and not query.include_all_networks:
            network = Network(*parse_instance_id(query.third_party_instance_id))
        since = None if query.since is None else parse_room_place(query.since)
        backward = since is not None and since.backward
        limit = ROOMS_DEFAULT if query.limit is None else min(query.limit, ROOMS_MAX)
        # One more than wanted says whether there is more; going back it is the first.
        found = await self.database.scan(
            room_summaries.public,
            term=query.term,
            after=None if since is None else (since.joined_members, since.room_nid),
            limit=limit + 1,
            backward=backward,
            room_types=query.room_types,
            network=network,
        )
        more = len(found) > limit
        shown = (found[1:] if backward else found[:limit]) if more else found
        answer: JSONObject = {
            "chunk": [_shown(room) for room in shown],
            "total_room_count_estimate": await self.database.read(room_summaries.public_count, network),
        }
        if shown and (more or backward):
            answer["next_batch"] = str(RoomPlace(shown[-1].joined_members, shown[-1].room_nid))
        if shown and (more if backward else since is not None):
            answer["prev_batch"] = str(RoomPlace(shown[0].joined_members, shown[0].room_nid, backward=True))
        return answer


def _shown(room: RoomSummary) -> JSON:
    """Spec: client-server-api#get_matrixclientv3publicrooms"""
    texts = {
        "name": room.name,
        "topic": room.topic,
        "canonical_alias": room.canonical_alias,
        "avatar_url": room.avatar_url,
        "room_type": room.room_type,
    }
    shown: JSONObject = {
        "room_id": room.room_id,
        "num_joined_members": room.joined_members,
        "join_rule": room.join_rule,
        "guest_can_join": room.guest_can_join,
        "world_readable": room.world_readable,
    }
    shown.update((name, text) for name, text in texts.items() if text is not None)
    return shown
