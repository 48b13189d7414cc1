"""
The rooms that application services show in the directory, by network.

Spec: application-service-api#published-room-directories
"""

from sqlalchemy import bindparam
from sqlalchemy import delete as delete_from

from homeserver.store.prepared import Prepared, insert_new
from homeserver.store.schema.appservices import network_rooms as n
from homeserver.store.write import Write

_INSERT = insert_new(n)
_DELETE = Prepared(
    delete_from(n).where(
        n.c.appservice_id == bindparam("which"),
        n.c.network_id == bindparam("network"),
        n.c.room_nid == bindparam("room"),
    )
)


def put(tx: Write, appservice_id: str, network_id: str, room_nid: int) -> None:
    """The room is shown under the network."""
    tx.run(_INSERT, appservice_id=appservice_id, network_id=network_id, room_nid=room_nid)


def remove(tx: Write, appservice_id: str, network_id: str, room_nid: int) -> None:
    """The room is not shown under the network."""
    tx.run(_DELETE, which=appservice_id, network=network_id, room=room_nid)
