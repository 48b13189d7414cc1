"""Keys of other servers."""

from collections.abc import Collection, Mapping, Sequence

import orjson
from attrs import frozen
from sqlalchemy import Connection, bindparam, select

from federation.core.key_validity import ServerKeys, VerifyKey
from federation.store.schema import server_key_documents, server_keys
from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import ServerName
from homeserver.store.prepared import Prepared, PreparedIn, upsert
from homeserver.store.write import Write

_KEYS = PreparedIn(lambda names: select(server_keys).where(server_keys.c.server_name.in_(names)))
_DOCUMENT = Prepared(select(server_key_documents).where(server_key_documents.c.server_name == bindparam("server_name")))
_REPLACE_KEY = upsert(server_keys)
_REPLACE_DOCUMENT = upsert(server_key_documents)


@frozen
class KeyDocument:
    """What a server published last, and when it was fetched."""

    document: JSONObject
    fetched_ms: int
    valid_until_ms: int


def by_servers(tx: Connection, servers: Collection[ServerName]) -> dict[ServerName, dict[str, VerifyKey]]:
    """All keys ever learnt of *servers*, by key ID; a server of which none is known is absent."""
    found: dict[ServerName, dict[str, VerifyKey]] = {}
    for name, key_id, octets, valid_until_ms, expired_ms in _KEYS.all(tx, servers):
        found.setdefault(ServerName(name), {})[key_id] = VerifyKey(key_id, bytes(octets), valid_until_ms, expired_ms)
    return found


def document(tx: Connection, server: ServerName) -> KeyDocument | None:
    """The newest document of *server*; None when there never was one."""
    row = _DOCUMENT.first(tx, server_name=server)
    return None if row is None else KeyDocument(orjson.loads(row[1]), row[2], row[3])


def replace(
    tx: Write, learnt: Sequence[ServerKeys], known: Mapping[ServerName, Mapping[str, VerifyKey]], fetched_ms: int
) -> None:
    """*known* is what is known of the servers in *learnt*, and their documents are the newest."""
    for keys in learnt:
        for key in known[keys.server_name].values():
            tx.run(
                _REPLACE_KEY,
                server_name=keys.server_name,
                key_id=key.key_id,
                octets=key.octets,
                valid_until_ms=key.valid_until_ms,
                expired_ms=key.expired_ms,
            )
        tx.run(
            _REPLACE_DOCUMENT,
            server_name=keys.server_name,
            document=orjson.dumps(keys.document).decode(),
            fetched_ms=fetched_ms,
            valid_until_ms=keys.valid_until_ms,
        )
