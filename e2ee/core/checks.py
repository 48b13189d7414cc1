"""Reading JSON that strangers sent: what a value must be, with its path when it is not."""

from typing import Final

from homeserver.core.canonical import JSON, JSONObject, check_canonical, encode_canonical
from homeserver.core.malformed import Malformed

KEY_BYTES_MAX: Final = 16_384
"""Of one key with its signatures, as JSON."""
NAME_CHARACTERS_MAX: Final = 255
"""Of an algorithm or the ID of a key."""


def parse_object(value: JSON, path: str) -> JSONObject:
    """*value* as an object.  Raises Malformed."""
    if not isinstance(value, dict):
        raise Malformed("This must be an object.", path)
    return value


def parse_text(value: JSON, path: str) -> str:
    """*value* as a string without NUL.  Raises Malformed."""
    if not isinstance(value, str) or "\0" in value:
        raise Malformed("This must be a string.", path)
    return value


def require(container: JSONObject, key: str, path: str) -> JSON:
    """What is under *key*.  Raises Malformed when there is nothing."""
    if key not in container:
        raise Malformed("This is required.", f"{path}.{key}", "M_MISSING_PARAM")
    return container[key]


def parse_texts(value: JSON, path: str) -> dict[str, str]:
    """*value* as an object whose values are strings.  Raises Malformed."""
    return {key: parse_text(text, f"{path}.{key}") for key, text in parse_object(value, path).items()}


def parse_signatures(value: JSON, path: str) -> dict[str, dict[str, str]]:
    """``{user ID: {key ID: signature}}``.  Raises Malformed."""
    return {signer: parse_texts(own, f"{path}.{signer}") for signer, own in parse_object(value, path).items()}


def check_size(value: JSON, path: str) -> None:
    """Raises Malformed unless *value* has a canonical form of an acceptable length: it is signed."""
    check_canonical(value, path)
    if len(encode_canonical(value)) > KEY_BYTES_MAX:
        raise Malformed(f"A key is at most {KEY_BYTES_MAX} bytes of JSON.", path, "M_TOO_LARGE")


def same_json(one: JSON, other: JSON) -> bool:
    """Whether both are the same value, whatever the order of their keys."""
    return encode_canonical(one) == encode_canonical(other)
