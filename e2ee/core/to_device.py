"""
Messages between devices, which are delivered once and then gone.

Spec: client-server-api#send-to-device-messaging
"""

from collections.abc import Mapping
from typing import Final, TypeAlias

from attrs import frozen

from homeserver.core.canonical import JSONObject, encode_json
from homeserver.core.identifiers import DeviceID, ServerName, UserID, server_of

ALL_DEVICES: Final = "*"
DELIVERED_AT_ONCE_MAX: Final = 100
"""Spec: client-server-api#send-to-device-messaging"""
WAITING_MAX: Final = 20_000
"""Messages that wait for one device; beyond it the oldest are dropped."""

Messages: TypeAlias = Mapping[UserID, Mapping[str, JSONObject]]
"""``{user: {device: content}}``; the device may be ``*``."""


@frozen
class Message:
    """One message as its device gets it; *content* is JSON."""

    sender: UserID
    type: str
    content: str


def encode_content(content: JSONObject) -> str:
    """The content as it is stored."""
    return encode_json(content).decode()


def by_server(messages: Messages) -> dict[ServerName, dict[UserID, Mapping[str, JSONObject]]]:
    """The same for each server whose users they are for; nothing where there is no device."""
    servers: dict[ServerName, dict[UserID, Mapping[str, JSONObject]]] = {}
    for user_id, devices in messages.items():
        if devices:
            servers.setdefault(server_of(user_id), {})[user_id] = devices
    return servers


def recipients(devices: Mapping[str, JSONObject], known: list[DeviceID]) -> dict[DeviceID, JSONObject]:
    """What each *known* device of a user gets; a device that is named gets that, and every other what all get."""
    everyone = devices.get(ALL_DEVICES)
    found = {device_id: devices.get(device_id, everyone) for device_id in known}
    return {device_id: content for device_id, content in found.items() if content is not None}


@frozen
class Batch:
    """An answer that could not hold everything: with *token* it told of the messages up to *delivered*."""

    token: int
    delivered: int


def acknowledged(since: int | None, batch: Batch | None) -> int:
    """
    Up to where a client has its messages that comes with the token *since*.

    *batch*: of the last answer that could not hold everything; a client with an earlier token never got that answer.
    """
    if since is None:
        return 0
    if batch is None:
        return since
    if since < batch.token:
        return 0
    return batch.delivered if batch.delivered < batch.token else since
