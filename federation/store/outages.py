"""Servers that do not answer."""

from sqlalchemy import Connection, bindparam, delete, select

from federation.core.backoff import Outage
from federation.store.schema import outages
from homeserver.core.identifiers import ServerName
from homeserver.store.prepared import Prepared, upsert
from homeserver.store.write import Write

_ALL = Prepared(select(outages))
_REPLACE = upsert(outages)
_DELETE = Prepared(delete(outages).where(outages.c.server_name == bindparam("server_name")))


def everything(tx: Connection) -> dict[ServerName, Outage]:
    """All of them; when the last attempt was made is forgotten, and counts as long ago."""
    return {
        ServerName(name): Outage(failures, since_ms, since_ms, retry_at_ms)
        for name, failures, since_ms, retry_at_ms in _ALL.all(tx)
    }


def replace(tx: Write, server: ServerName, outage: Outage) -> None:
    """*server* does not answer."""
    tx.run(
        _REPLACE,
        server_name=server,
        failures=outage.failures,
        since_ms=outage.since_ms,
        retry_at_ms=outage.retry_at_ms,
    )


def remove(tx: Write, server: ServerName) -> None:
    """*server* answers."""
    tx.run(_DELETE, server_name=server)
