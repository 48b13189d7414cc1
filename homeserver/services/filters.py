"""
Filters that clients keep here and refer to by number.

Spec: client-server-api#filtering
"""

from collections import OrderedDict
from typing import Final

from attrs import define, field

from homeserver.core.canonical import JSONObject, encode_canonical, parse_json_object
from homeserver.core.filters import Filter, parse_filter
from homeserver.core.identifiers import UserID
from homeserver.services.refusals import NotFound, TooLarge
from homeserver.store import filters
from homeserver.store.database import Database

FILTER_BYTES_MAX: Final = 64 * 1024
FILTERS_MAX: Final = 1_000
"""Of one user; clients ask for the same few again and again, and get the same numbers."""
PARSED_MAX: Final = 5_000
"""Parsed filters in memory, of all users."""
_NUMBER_DIGITS_MAX: Final = 9


@define(eq=False)
class Filters:
    """Keeps filters; a filter never changes."""

    database: Database
    _parsed: OrderedDict[tuple[UserID, str], Filter] = field(init=False, factory=OrderedDict)

    async def define(self, user_id: UserID, body: JSONObject) -> str:
        """The ID of the filter.  Raises Malformed, TooLarge."""
        parse_filter(body)
        text = encode_canonical(body)
        if len(text) > FILTER_BYTES_MAX:
            raise TooLarge(f"A filter has at most {FILTER_BYTES_MAX} bytes.")
        number = await self.database.read(filters.number_of, user_id, text.decode())
        if number is None:
            number = await self.database.write(filters.insert_new, user_id, text.decode(), FILTERS_MAX)
        if number is None:
            raise TooLarge(f"At most {FILTERS_MAX} filters are kept for a user.")
        return str(number)

    async def text_of(self, user_id: UserID, filter_id: str) -> bytes:
        """The JSON of a filter.  Raises NotFound."""
        if filter_id.isascii() and filter_id.isdigit() and len(filter_id) <= _NUMBER_DIGITS_MAX:
            text = await self.database.read(filters.by_number, user_id, int(filter_id))
            if text is not None:
                return text.encode()
        raise NotFound("This filter is not known.")

    async def by_id(self, user_id: UserID, filter_id: str) -> Filter:
        """A filter, parsed; from memory if it was used lately.  Raises NotFound."""
        key = (user_id, filter_id)
        found = self._parsed.get(key)
        if found is None:
            found = parse_filter(parse_json_object(await self.text_of(user_id, filter_id)))
            self._parsed[key] = found
            while len(self._parsed) > PARSED_MAX:
                self._parsed.popitem(last=False)
        self._parsed.move_to_end(key)
        return found
