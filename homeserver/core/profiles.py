"""
Profiles: which fields there are, and what they may hold.

Spec: client-server-api#profiles
"""

import re
from collections.abc import Mapping
from typing import Final

from homeserver.core.canonical import JSON, encode_json
from homeserver.core.malformed import Malformed

DISPLAY_NAME: Final = "displayname"
AVATAR_URL: Final = "avatar_url"
TIME_ZONE: Final = "m.tz"
SHOWN_IN_ROOMS: Final = frozenset({DISPLAY_NAME, AVATAR_URL})
"""The fields that member events repeat."""

KEY_BYTES_MAX: Final = 255
PROFILE_BYTES_MAX: Final = 64 * 1024
DISPLAY_NAME_CHARACTERS_MAX: Final = 256
AVATAR_URL_CHARACTERS_MAX: Final = 1000
TIME_ZONE_CHARACTERS_MAX: Final = 255

# Spec: appendices#common-namespaced-identifier-grammar
_FIELD_NAME: Final = re.compile(r"(?:avatar_url|displayname|m\.tz|[a-z][a-z0-9_-]*(?:\.[a-z0-9_-]+)+)\Z")
_CHARACTERS_MAX: Final = {
    DISPLAY_NAME: DISPLAY_NAME_CHARACTERS_MAX,
    AVATAR_URL: AVATAR_URL_CHARACTERS_MAX,
    TIME_ZONE: TIME_ZONE_CHARACTERS_MAX,
}

Profile = Mapping[str, JSON]


def parse_field_name(text: str) -> str:
    """One of the spec's fields, or a namespaced one.  Raises Malformed: ``M_KEY_TOO_LARGE``, ``M_INVALID_PARAM``."""
    if len(text.encode("utf-8", "replace")) > KEY_BYTES_MAX:
        raise Malformed(f"The name of a field is at most {KEY_BYTES_MAX} bytes long.", "", "M_KEY_TOO_LARGE")
    if not _FIELD_NAME.match(text):
        raise Malformed(f"{text!r} is not the name of a profile field.", "", "M_INVALID_PARAM")
    return text


def parse_field(name: str, body: Mapping[str, JSON]) -> JSON:
    """The value that *body* gives the field; it holds that field alone.  Raises Malformed."""
    if name not in body:
        raise Malformed(f"The body lacks {name!r}.", name, "M_MISSING_PARAM")
    if len(body) > 1:
        raise Malformed("The body holds exactly one field.", "", "M_BAD_JSON")
    value = body[name]
    if name in _CHARACTERS_MAX:
        _check_text(name, value)
    return value


def is_unset(name: str, value: JSON) -> bool:
    """Whether setting this takes the field away."""
    # NOTSPEC: clients from before v1.16 had no DELETE, and unset the two old fields with an empty string.
    return name in SHOWN_IN_ROOMS and value == ""


def check_size(profile: Profile) -> None:
    """Raises Malformed with ``M_PROFILE_TOO_LARGE`` unless the whole stays under 64 KiB."""
    if len(encode_json(dict(profile))) >= PROFILE_BYTES_MAX:
        raise Malformed("A whole profile stays under 64 KiB.", "", "M_PROFILE_TOO_LARGE")


def _check_text(name: str, value: JSON) -> None:
    if not isinstance(value, str):
        raise Malformed("This must be a string.", name)
    if len(value) > _CHARACTERS_MAX[name]:
        raise Malformed(f"This is longer than {_CHARACTERS_MAX[name]} characters.", name, "M_INVALID_PARAM")
    if name == AVATAR_URL and value and not value.startswith("mxc://"):
        raise Malformed("An avatar is an mxc:// URI.", name, "M_INVALID_PARAM")
