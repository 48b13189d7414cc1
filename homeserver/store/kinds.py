"""
Which database it is.

Each kind is loaded only where it is used: the driver of the other takes its time at the start.
"""

from sqlalchemy.engine import make_url

from homeserver.store.connections import Kind
from homeserver.store.settings import DatabaseSettings


def kind_of(settings: DatabaseSettings) -> Kind:
    """What *settings* name.  Raises ValueError for another database."""
    url = make_url(settings.url)
    match url.get_backend_name():
        case "sqlite":
            from homeserver.store.sqlite import Sqlite

            return Sqlite(url, settings)
        case "postgresql":
            from homeserver.store.postgresql import Postgresql

            return Postgresql(url, settings)
    raise ValueError("The URL of the database must begin with sqlite:/// or postgresql://")
