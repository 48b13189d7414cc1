"""
Dehydrated devices: MSC3814, under the paths that clients use until it is in the spec.
"""

from typing import Final

import orjson
from attrs import frozen

from e2ee.core.device_keys import parse_device_keys
from e2ee.core.one_time_keys import parse_fallback_keys, parse_one_time_keys
from e2ee.services.dehydrated_devices import DehydratedDevices, NewDehydrated, Page
from e2ee.services.device_keys import Upload
from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.identifiers import DeviceID
from homeserver.core.malformed import Malformed
from homeserver.core.registration import parse_device_name
from homeserver.http.operation import operation
from homeserver.http.rows import Authentication, Body, Query, Row
from homeserver.services.callers import Caller

_PATH: Final = "/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device"
_BY: Final = Authentication.ACCESS_TOKEN
_API: Final = "msc3814"


@frozen
class DehydratedBody:
    device_id: DeviceID
    device_data: JSONObject
    device_keys: JSONObject
    initial_device_display_name: str | None = None
    one_time_keys: JSON = None
    fallback_keys: JSON = None


@frozen
class DehydratedName:
    device_id: DeviceID


@frozen
class DehydratedReply:
    device_id: DeviceID
    device_data: JSONObject


@frozen
class PageBody:
    next_batch: str | None = None


@frozen
class DehydratedDeviceEndpoints:
    """Dehydrated devices."""

    dehydrated: DehydratedDevices

    @operation(Row(_API, "putDehydratedDevice", "PUT", _PATH, _BY, body=Body.JSON))
    async def replace(self, caller: Caller, body: DehydratedBody) -> DehydratedName:
        """The caller has this dehydrated device.  Raises Malformed, Forbidden."""
        upload = Upload(
            parse_device_keys(body.device_keys, caller.user_id, body.device_id),
            parse_one_time_keys(body.one_time_keys),
            parse_fallback_keys(body.fallback_keys),
        )
        if not isinstance(body.device_data.get("algorithm"), str):
            raise Malformed("It must be said how the device is put away.", "device_data.algorithm")
        name = parse_device_name(body.initial_device_display_name)
        await self.dehydrated.replace(caller.user_id, NewDehydrated(body.device_id, body.device_data, name, upload))
        return DehydratedName(body.device_id)

    @operation(Row(_API, "getDehydratedDevice", "GET", _PATH, _BY))
    async def show(self, caller: Caller) -> DehydratedReply:
        """The caller's dehydrated device.  Raises NotFound."""
        return DehydratedReply(*await self.dehydrated.of(caller.user_id))

    @operation(Row(_API, "deleteDehydratedDevice", "DELETE", _PATH, _BY))
    async def delete(self, caller: Caller) -> DehydratedName:
        """There is no dehydrated device any more.  Raises NotFound."""
        return DehydratedName(await self.dehydrated.delete(caller.user_id))

    @operation(Row(_API, "getDehydratedDeviceEvents", "GET", _PATH + "/{deviceId}/events", _BY, query=(Query("from"),)))
    async def events(self, caller: Caller, device_id: DeviceID, from_: str | None = None) -> JSONObject:
        """A page of what waits for it; all of it goes on waiting.  Raises NotFound, Forbidden."""
        page = await self.dehydrated.messages(caller.user_id, device_id, from_)
        return _page_reply(page, with_end=page.more)

    @operation(Row(_API, "postDehydratedDeviceEvents", "POST", _PATH + "/{deviceId}/events", _BY, body=Body.JSON))
    async def events_by_post(self, caller: Caller, device_id: DeviceID, body: PageBody) -> JSONObject:
        """The same, as clients asked for it first: they go on until a page is empty, and need an end each time."""
        page = await self.dehydrated.messages(caller.user_id, device_id, body.next_batch)
        return _page_reply(page, with_end=True)


def _page_reply(page: Page, *, with_end: bool) -> JSONObject:
    events: list[JSON] = [
        {
            "sender": message.sender,
            "type": message.type,
            "content": orjson.Fragment(message.content),  # type: ignore[dict-item]
        }
        for message in page.messages
    ]
    return {"events": events, "next_batch": page.end} if with_end else {"events": events}
