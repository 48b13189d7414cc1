"""
What an application service is told at once, in the format of a transaction.

Spec: application-service-api#pushing-events
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson
from attrs import define, field

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import DeviceID, UserID

UNSTABLE_ENCRYPTION: Final = "org.matrix.msc3202."
UNSTABLE_TO_DEVICE: Final = "de.sorunome.msc2409.to_device"


@define
class DeviceListChanges:
    """*changed*: look again; *left*: no room is shared any more."""

    changed: set[UserID] = field(factory=set)
    left: set[UserID] = field(factory=set)


@define
class Tidings:
    """All that is in one transaction."""

    events: list[orjson.Fragment] = field(factory=list)
    ephemeral: list[JSON] = field(factory=list)
    to_device: Sequence[JSONObject] = ()
    device_lists: DeviceListChanges = field(factory=DeviceListChanges)
    key_counts: Mapping[UserID, Mapping[DeviceID, Mapping[str, int]]] = field(factory=dict)
    unused_fallbacks: Mapping[UserID, Mapping[DeviceID, Sequence[str]]] = field(factory=dict)

    @property
    def is_lasting(self) -> bool:
        """Whether there is anything in it that must not be lost, which typing and presence may."""
        lists = self.device_lists
        return bool(self.events or self.to_device or lists.changed or lists.left or self.key_counts)

    def __bool__(self) -> bool:
        return self.is_lasting or bool(self.ephemeral)


def encode_transaction(tidings: Tidings, ephemeral_names: Sequence[str], *, encryption: bool) -> bytes:
    """
    The body of a transaction.

    *encryption*: with what proposals 3202 and 4203 add, under the names that they have and had.
    """
    body: dict[str, Any] = {"events": tidings.events}
    if tidings.ephemeral:
        body |= dict.fromkeys(ephemeral_names, tidings.ephemeral)
    if encryption:
        if tidings.to_device:
            body["to_device"] = body[UNSTABLE_TO_DEVICE] = tidings.to_device
        # Also when they are empty: there are bridges that expect them.
        lists = tidings.device_lists
        for name, value in {
            "device_lists": {"changed": sorted(lists.changed), "left": sorted(lists.left)},
            "device_one_time_keys_count": tidings.key_counts,
            "device_unused_fallback_key_types": tidings.unused_fallbacks,
        }.items():
            body[name] = body[UNSTABLE_ENCRYPTION + name] = value
    return orjson.dumps(body)
