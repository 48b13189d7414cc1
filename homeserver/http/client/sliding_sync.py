"""
Simplified sliding sync.

Spec: proposals/4186
"""

from typing import Final

from attrs import frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.sliding.requests import parse_sliding_request
from homeserver.http.incoming import Incoming
from homeserver.http.operation import operation
from homeserver.http.replies import Raw, encode
from homeserver.http.rows import Authentication, Body, Row
from homeserver.services.callers import Caller
from homeserver.services.sliding.service import SlidingSync

_API: Final = "msc4186"
_BY: Final = Authentication.ACCESS_TOKEN
_STABLE: Final = "/_matrix/client/v4/sync"
_UNSTABLE: Final = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync"


@frozen
class SlidingSyncEndpoints:
    """What is new in the rooms that a client looks at."""

    sliding_sync: SlidingSync

    @operation(Row(_API, "slidingSync", "POST", _STABLE, _BY, body=Body.JSON), long_poll=True)
    async def sync(self, caller: Caller, body: JSONObject) -> Raw:
        """What is new to the caller on one connection, when there is anything.  Raises Malformed, UnknownPos."""
        request = parse_sliding_request(body, {}, caller.user_id)
        return Raw(encode(await self.sliding_sync.answer(caller, request)))

    @operation(Row(_API, "slidingSyncUnstable", "POST", _UNSTABLE, _BY, body=Body.JSON), long_poll=True)
    async def unstable_sync(self, caller: Caller, incoming: Incoming, body: JSONObject) -> Raw:
        """The same as deployed clients ask for it: with some parameters in the query."""
        query = {name: values[0] for name, values in incoming.query.items() if values}
        request = parse_sliding_request(body, query, caller.user_id)
        return Raw(encode(await self.sliding_sync.answer(caller, request)))
