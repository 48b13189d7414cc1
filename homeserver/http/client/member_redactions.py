"""
Kicks and bans that redact what their target has said: a member of their bodies.

Spec: proposals/4293
"""

from collections.abc import Mapping

from attrs import frozen

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.member_redactions import parse_flags


@frozen
class MemberRedactionOption:
    """``redact_events``.  Implements ``send_options.RemovalOption``."""

    def fields(self, body: JSONObject) -> Mapping[str, JSON]:
        """What the body says of it.  Raises Malformed."""
        return parse_flags(body)
