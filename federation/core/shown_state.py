"""
What a server shows of a room to those who are invited to it or knock.

Spec: server-server-api#put_matrixfederationv2inviteroomideventid
"""

from collections.abc import Iterable

from homeserver.core.canonical import JSON, JSONObject

_FIELDS = ("type", "state_key", "sender", "content")


def stripped(shown: Iterable[JSON]) -> list[JSONObject]:
    """
    The stripped state that whole events, or events stripped already, say; what has not all of its fields is left out.

    Until v1.16 of the spec servers sent stripped events, since then whole ones.
    """
    return [
        {field: event[field] for field in _FIELDS}
        for event in shown
        if isinstance(event, dict)
        and isinstance(event.get("type"), str)
        and isinstance(event.get("state_key"), str)
        and isinstance(event.get("sender"), str)
        and isinstance(event.get("content"), dict)
    ]
