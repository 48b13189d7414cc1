"""
Sending sticky events: MSC4354.

Spec: proposals/4354
"""

from typing import Final

from attrs import evolve, frozen

from homeserver.core.malformed import Malformed
from homeserver.core.sticky import DURATION_MS_MAX, sticky_field
from homeserver.http.client.send_options import Parameters, SendRequest
from homeserver.http.parameters import parse_integer

DURATIONS: Final = ("org.matrix.msc4354.sticky_duration_ms", "sticky_duration_ms")


@frozen
class StickyOption:
    """The query parameter that makes an event sticky."""

    def apply(self, request: SendRequest, query: Parameters) -> SendRequest:
        """The event is sticky for as long as the query says.  Raises Malformed."""
        name = next((name for name in DURATIONS if name in query), None)
        if name is None:
            return request
        try:
            duration_ms = parse_integer(query[name][0])
        except Malformed as error:
            raise Malformed(error.reason, name, error.code) from error
        if not 0 <= duration_ms <= DURATION_MS_MAX:
            raise Malformed(f"This must lie between 0 and {DURATION_MS_MAX}.", name, "M_INVALID_PARAM")
        return evolve(request, fields={**request.fields, **sticky_field(duration_ms)})
