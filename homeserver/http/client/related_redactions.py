"""
Redactions that take along what relates to their target: a member of their bodies.

Spec: proposals/3912
"""

from collections.abc import Sequence

from attrs import frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import EventID, RoomID
from homeserver.core.related_redactions import parse_rel_types
from homeserver.services.companions import Beside
from homeserver.services.related_redactions import RelatedRedactions


@frozen
class RelatedRedactionOption:
    """``with_rel_types``.  Implements ``send_options.RedactOption``."""

    related: RelatedRedactions

    async def besides(self, room_id: RoomID, event_id: EventID, body: JSONObject) -> Sequence[Beside]:
        """Nothing where no relation types are named.  Raises Malformed."""
        rel_types = parse_rel_types(body)
        return (await self.related.taking_along(event_id, rel_types),) if rel_types else ()
