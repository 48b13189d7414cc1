"""
How long this server keeps messages, for clients that ask.

Spec: proposals/1763
"""

from typing import Final

from attrs import frozen

from homeserver.core.canonical import JSONObject
from homeserver.http.operation import operation
from homeserver.http.rows import Authentication, Row
from homeserver.services.room_removal.retention import Retention

_CONFIGURATION: Final = Row(
    "msc1763",
    "getRetentionConfiguration",
    "GET",
    "/_matrix/client/v3/retention/configuration",
    Authentication.ACCESS_TOKEN,
    True,
    twins=("/_matrix/client/unstable/org.matrix.msc1763/retention/configuration",),
)


@frozen
class RetentionEndpoints:
    """What this server says of how long messages are kept."""

    retention: Retention

    @operation(_CONFIGURATION)
    async def configuration(self) -> JSONObject:
        """The policy of rooms that say nothing, and what rooms may say."""
        return self.retention.configuration()
