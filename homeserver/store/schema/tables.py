"""The metadata that the tables of this package are in."""

from typing import Final

from sqlalchemy import MetaData

from homeserver.store.schema.columns import NAMING

METADATA: Final = MetaData(naming_convention=NAMING)
