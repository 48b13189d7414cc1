"""
What sliding syncs tell of end-to-end encryption: device lists and keys that are left, and messages to devices.

Spec: proposals/4186, client-server-api#e2e-extensions-to-sync
"""

from typing import Final

from attrs import define

from e2ee.core.to_device import DELIVERED_AT_ONCE_MAX
from e2ee.services.sync_sections import DeviceListNews, KeyCountNews, message_event
from e2ee.services.to_device import ToDevice
from homeserver.core.canonical import JSON
from homeserver.core.log import Position
from homeserver.core.malformed import Malformed
from homeserver.core.sync_tokens import parse_sync_token
from homeserver.services.sliding.extensions import ExtensionAnswer, ExtensionSpan
from homeserver.services.sync.section import SyncBody

_POSITION_MAX: Final = 2**43


@define(eq=False)
class EncryptionExtension:
    """What a classic sync tells of devices and keys."""

    device_lists: DeviceListNews
    key_counts: KeyCountNews
    name: str = "e2ee"

    async def answer(self, ask: ExtensionSpan) -> ExtensionAnswer:
        """What changed of devices; the counts in any case."""
        body = SyncBody(ask.span)
        await self.device_lists.write(ask.span, body)
        await self.key_counts.write(ask.span, body)
        return ExtensionAnswer(body.top, body.has_news)


@define(eq=False)
class ToDeviceExtension:
    """Messages for the device, which has those up to the token that it comes with."""

    to_device: ToDevice
    name: str = "to_device"

    async def answer(self, ask: ExtensionSpan) -> ExtensionAnswer:
        """The next messages, and the token that says that they have arrived."""
        span = ask.span
        if span.device_id is None:
            return ExtensionAnswer()
        limit, since = _limit(ask.wishes.get("limit")), _since(ask.wishes.get("since"))
        page = await self.to_device.page(span.user_id, span.device_id, since, span.upto.position, limit)
        events: list[JSON] = [message_event(message) for message in page.messages]
        return ExtensionAnswer({"next_batch": f"d{page.end}", "events": events}, bool(events))


def _limit(value: JSON) -> int:
    if value is None:
        return DELIVERED_AT_ONCE_MAX
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise Malformed("A limit is a positive integer.", "extensions.to_device.limit", "M_INVALID_PARAM")
    return min(value, DELIVERED_AT_ONCE_MAX)


def _since(value: JSON) -> Position:
    """
    Up to where the client has its messages; 0: from the first.

    A token of classic sync counts too: it is what a client has that changes over.
    """
    if value is None or value == "":
        return Position(0)
    if isinstance(value, str) and value.startswith("s"):
        return parse_sync_token(value).position
    digits = value.removeprefix("d") if isinstance(value, str) else ""
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 14 or int(digits) > _POSITION_MAX:
        raise Malformed("This server gave out no such token.", "extensions.to_device.since", "M_INVALID_PARAM")
    return Position(int(digits))
