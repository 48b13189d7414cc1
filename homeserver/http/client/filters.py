"""
Filters that clients keep here and refer to.

Spec: client-server-api#filtering
"""

from attrs import frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import UserID
from homeserver.http.operation import operation
from homeserver.http.owner import require_owner
from homeserver.http.replies import Raw
from homeserver.services.callers import Caller
from homeserver.services.filters import Filters


@frozen
class FilterID:
    filter_id: str


@frozen
class FilterEndpoints:
    """Filters."""

    filters: Filters

    @operation("defineFilter")
    async def define_filter(self, caller: Caller, user_id: UserID, body: JSONObject) -> FilterID:
        """A filter is kept, under the answered ID.  Raises Forbidden, TooLarge."""
        require_owner(caller, user_id)
        return FilterID(await self.filters.define(user_id, body))

    @operation("getFilter")
    async def show_filter(self, caller: Caller, user_id: UserID, filter_id: str) -> Raw:
        """A filter as it was uploaded.  Raises Forbidden, NotFound."""
        require_owner(caller, user_id)
        return Raw(await self.filters.text_of(user_id, filter_id))
