"""
One-time keys, of which each is given out once, and the fallback keys that stand in when none is left.

Spec: client-server-api#one-time-and-fallback-keys
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Final, TypeAlias

from attrs import frozen

from e2ee.core.checks import NAME_CHARACTERS_MAX, check_size, parse_object, parse_text, require, same_json
from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import DeviceID, UserID
from homeserver.core.malformed import Malformed

SIGNED_CURVE25519: Final = "signed_curve25519"
HELD_MAX: Final = 2_000
"""One-time keys of a device; clients upload 50 to 100."""

Wanted: TypeAlias = Mapping[UserID, Mapping[DeviceID, str]]
"""Of which device a key of which algorithm is asked for."""
Claimed: TypeAlias = dict[UserID, dict[DeviceID, JSONObject]]
"""What was given out: ``{user: {device: {algorithm:key_id: key}}}``."""


@frozen
class OneTimeKey:
    """A key; *key* is a string or an object with signatures."""

    algorithm: str
    key_id: str
    key: JSON

    @property
    def name(self) -> str:
        return f"{self.algorithm}:{self.key_id}"


@frozen
class KeyState:
    """What a device has left: how many one-time keys of each algorithm, and which fallback keys nobody was given."""

    counts: Mapping[str, int]
    unused_fallbacks: tuple[str, ...]


def parse_one_time_keys(value: JSON, path: str = "one_time_keys") -> list[OneTimeKey]:
    """The keys under ``algorithm:key_id``.  Raises Malformed."""
    if value is None:
        return []
    return [_parse_key(name, key, path) for name, key in parse_object(value, path).items()]


def parse_fallback_keys(value: JSON, path: str = "fallback_keys") -> list[OneTimeKey]:
    """The same, at most one an algorithm.  Raises Malformed."""
    keys = parse_one_time_keys(value, path)
    if len({key.algorithm for key in keys}) < len(keys):
        raise Malformed("There is one fallback key an algorithm.", path, "M_INVALID_PARAM")
    return keys


def is_conflict(held: JSON, uploaded: JSON) -> bool:
    """Whether another key is already held under the same ID."""
    return not same_json(held, uploaded)


def whole_counts(counts: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Counts by algorithm; clients look for that of the usual algorithm also when it is zero."""
    return {SIGNED_CURVE25519: 0, **dict(counts)}


def claimed_of(answer: JSONObject, wanted: Wanted) -> Claimed:
    """What a peer gave of what was *wanted* of it; what it says beyond, or wrongly, is left out."""
    given = answer.get("one_time_keys")
    claimed: Claimed = {}
    for user_id, devices in wanted.items():
        of_user = given.get(user_id) if isinstance(given, dict) else None
        for device_id, algorithm in devices.items():
            keys = of_user.get(device_id) if isinstance(of_user, dict) else None
            if isinstance(keys, dict) and _is_answer(keys, algorithm):
                claimed.setdefault(user_id, {})[device_id] = keys
    return claimed


def _is_answer(keys: JSONObject, algorithm: str) -> bool:
    well_formed = all(isinstance(key, str) or (isinstance(key, dict) and "key" in key) for key in keys.values())
    return bool(keys) and well_formed and _algorithms(keys) == {algorithm}


def _algorithms(names: Collection[str]) -> set[str]:
    return {name.partition(":")[0] for name in names}


def _parse_key(name: str, key: JSON, path: str) -> OneTimeKey:
    where = f"{path}.{name}"
    algorithm, colon, key_id = parse_text(name, where).partition(":")
    if not (algorithm and colon and key_id) or len(name) > NAME_CHARACTERS_MAX:
        raise Malformed("The name of a key is its algorithm, a colon and its ID.", where, "M_INVALID_PARAM")
    if isinstance(key, dict):
        parse_text(require(key, "key", where), f"{where}.key")
        parse_object(require(key, "signatures", where), f"{where}.signatures")
    else:
        parse_text(key, where)
    check_size(key, where)
    return OneTimeKey(algorithm, key_id, key)
