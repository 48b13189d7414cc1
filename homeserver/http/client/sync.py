"""
/sync.

Spec: client-server-api#syncing
"""

from typing import Final

from attrs import frozen

from homeserver.core.canonical import parse_json
from homeserver.core.filters import DEFAULT_FILTER, Filter, parse_filter
from homeserver.core.presence import PresenceState
from homeserver.core.sync_tokens import parse_sync_token
from homeserver.http.incoming import Incoming
from homeserver.http.operation import operation
from homeserver.http.parameters import parse_boolean
from homeserver.http.replies import Raw, encode
from homeserver.services.callers import Caller
from homeserver.services.filters import Filters
from homeserver.services.sync.service import Sync, SyncRequest

UNSTABLE_STATE_AFTER: Final = "org.matrix.msc4222.use_state_after"
"""Proposal 4222 before it was in the spec, and the name that clients of that time look for."""


@frozen
class SyncEndpoints:
    """What is new."""

    sync_: Sync
    filters: Filters

    @operation("sync", long_poll=True)
    async def sync(
        self,
        caller: Caller,
        incoming: Incoming,
        filter: str | None = None,
        since: str | None = None,
        full_state: bool = False,
        set_presence: PresenceState | None = None,
        timeout: int = 0,
        use_state_after: bool = False,
    ) -> Raw:
        """What is new to the caller since a token, when there is anything.  Raises Malformed, NotFound."""
        unstable = incoming.query.get(UNSTABLE_STATE_AFTER, ["false"])
        is_unstable = parse_boolean(unstable[0]) and not use_state_after
        request = SyncRequest(
            user_id=caller.user_id,
            device_id=caller.device_id,
            filter=await self._filter(caller, filter),
            since=parse_sync_token(since) if since else None,
            timeout_ms=timeout,
            full_state=full_state,
            state_after=use_state_after or is_unstable,
            set_presence=set_presence,
            state_name="org.matrix.msc4222.state_after" if is_unstable else "state_after",
        )
        return Raw(encode(await self.sync_.answer(request)))

    async def _filter(self, caller: Caller, text: str | None) -> Filter:
        """An ID, or when it begins with a brace the filter itself."""
        if not text:
            return DEFAULT_FILTER
        if text.startswith("{"):
            return parse_filter(parse_json(text.encode()))
        return await self.filters.by_id(caller.user_id, text)
