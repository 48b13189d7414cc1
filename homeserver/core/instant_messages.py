"""
What a message must say.

Spec: client-server-api#instant-messaging
"""

from typing import Final

from homeserver.core.canonical import JSONObject
from homeserver.core.malformed import Malformed

MESSAGE: Final = "m.room.message"
REDACTION: Final = "m.room.redaction"


def check_message(event_type: str, content: JSONObject) -> None:
    """
    An ``m.room.message`` has a ``msgtype`` and a textual ``body``, and a redaction says what it redacts; other events
    may say what they like.

    Raises Malformed.  Only what local clients send is held to this: what other servers took in stands.
    """
    if event_type == REDACTION and not isinstance(content.get("redacts"), str):
        raise Malformed("A redaction says what it redacts.", "redacts")
    if event_type != MESSAGE:
        return
    for key in ("msgtype", "body"):
        if not isinstance(content.get(key), str):
            raise Malformed("A message needs this, as a string.", key)
