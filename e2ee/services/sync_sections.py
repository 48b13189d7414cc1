"""
What syncs tell of end-to-end encryption: device lists, messages to devices, and how many keys are left.

Spec: client-server-api#e2e-extensions-to-sync
"""

from typing import ClassVar

import orjson
from attrs import define

from e2ee.core.to_device import Message
from e2ee.services.device_lists import DeviceLists, Span
from e2ee.services.key_counts import KeyCounts
from e2ee.services.to_device import ToDevice
from homeserver.core.canonical import JSON
from homeserver.core.log import DEVICE_LIST, KEY_SIGNATURES, MEMBERSHIP, ONE_TIME_KEYS, REMOTE_MEMBERSHIP
from homeserver.services.sync.section import LogKinds, SyncBody, SyncSpan


@define(eq=False)
class ToDeviceNews:
    """Messages for the device; what the client comes with tells that it has those of before."""

    tells_of: ClassVar[LogKinds] = None

    to_device: ToDevice

    async def write(self, span: SyncSpan, body: SyncBody) -> None:
        """What waits is in *body*."""
        if span.device_id is None:
            return
        since = None if span.since is None else span.since.position
        messages = await self.to_device.deliver(span.user_id, span.device_id, since, span.upto.position)
        if messages:
            body.top["to_device"] = {"events": [message_event(message) for message in messages]}
            body.has_news = True


@define(eq=False)
class DeviceListNews:
    """Whose devices changed, who came to share a room, and who no longer does; nothing on a first sync."""

    tells_of: ClassVar[LogKinds] = frozenset({DEVICE_LIST, MEMBERSHIP, REMOTE_MEMBERSHIP, KEY_SIGNATURES})

    device_lists: DeviceLists

    async def write(self, span: SyncSpan, body: SyncBody) -> None:
        """What changed is in *body*."""
        if span.since is None or not _may_have_changed(span):
            return
        news = await self.device_lists.between(Span(span.user_id, span.rooms, span.after, span.upto.position))
        if news:
            changed: list[JSON] = [*sorted(news.changed)]
            left: list[JSON] = [*sorted(news.left)]
            body.top["device_lists"] = {"changed": changed, "left": left}
            body.has_news = True


@define(eq=False)
class KeyCountNews:
    """How many one-time keys the device has left, in every answer."""

    tells_of: ClassVar[LogKinds] = None

    counts: KeyCounts

    async def write(self, span: SyncSpan, body: SyncBody) -> None:
        """The counts are in *body*; that they changed is news, so that the client uploads more."""
        if span.device_id is None:
            return
        state = await self.counts.of(span.user_id, span.device_id)
        body.top["device_one_time_keys_count"] = {**state.counts}
        body.top["device_unused_fallback_key_types"] = [*state.unused_fallbacks]
        if span.since is not None and span.changes.subjects is not None:
            body.has_news |= span.changes.touches(ONE_TIME_KEYS, span.user_id)


def _may_have_changed(span: SyncSpan) -> bool:
    changes = span.changes
    if changes.subjects is None:
        return True
    return bool(
        changes.of_kind(DEVICE_LIST)
        or changes.of_kind(MEMBERSHIP)
        or changes.of_kind(REMOTE_MEMBERSHIP)
        or changes.touches(KEY_SIGNATURES, span.user_id)
    )


def message_event(message: Message) -> JSON:
    """The message as its device gets it."""
    return {
        "sender": message.sender,
        "type": message.type,
        "content": orjson.Fragment(message.content),  # type: ignore[dict-item]
    }
