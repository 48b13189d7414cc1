"""
Account data: what a user's clients keep with the server, for the account or for one room.

Spec: client-server-api#client-config
"""

from collections.abc import Mapping
from typing import Final

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.malformed import Malformed

PUSH_RULES: Final = "m.push_rules"
FULLY_READ: Final = "m.fully_read"
TAG: Final = "m.tag"
SERVER_MANAGED: Final = frozenset({PUSH_RULES, FULLY_READ})
"""Types that clients read and never write.  Spec: client-server-api#server-behaviour-14"""

TYPE_BYTES_MAX: Final = 255
TAG_BYTES_MAX: Final = 255


def parse_type(text: str) -> str:
    """The type of account data; raises Malformed when it is empty or longer than an event's type may be."""
    return _parse_name(text, TYPE_BYTES_MAX, "a type of account data")


def parse_tag_name(text: str) -> str:
    """The name of a tag.  Raises Malformed.  Spec: client-server-api#room-tagging"""
    return _parse_name(text, TAG_BYTES_MAX, "a tag")


def parse_tag(body: Mapping[str, JSON]) -> JSONObject:
    """What is known of a tag: an order between 0 and 1, and whatever else a client adds.  Raises Malformed."""
    order = body.get("order")
    if order is None:
        return {key: value for key, value in body.items() if key != "order"}
    if isinstance(order, bool) or not isinstance(order, int | float) or not 0 <= order <= 1:
        raise Malformed("An order is a number between 0 and 1.", "order")
    return dict(body)


def tags_of(content: Mapping[str, JSON]) -> dict[str, JSONObject]:
    """``{tag: {"order": …}}`` in an ``m.tag``; what a client wrote there that is no tag is passed over."""
    tags = content.get("tags")
    if not isinstance(tags, dict):
        return {}
    return {name: tag for name, tag in tags.items() if isinstance(tag, dict)}


def _parse_name(text: str, bytes_max: int, what: str) -> str:
    if not text or "\0" in text or len(text.encode("utf-8", "replace")) > bytes_max:
        raise Malformed(f"The name of {what} holds 1 to {bytes_max} bytes.", "", "M_INVALID_PARAM")
    return text
