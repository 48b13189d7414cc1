"""
Pushers as clients set them.

Spec: client-server-api#post_matrixclientv3pushersset
"""

from collections.abc import Mapping
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from attrs import frozen

from homeserver.core.canonical import JSON, JSONObject, encode_json
from homeserver.core.malformed import Malformed

HTTP: Final = "http"
EMAIL: Final = "email"
EMAIL_APP_ID: Final = "m.email"
NOTIFY_PATH: Final = "/_matrix/push/v1/notify"
EVENT_ID_ONLY: Final = "event_id_only"

PUSHKEY_BYTES_MAX: Final = 512
APP_ID_CHARACTERS_MAX: Final = 64
TEXT_CHARACTERS_MAX: Final = 512
"""Of each name that describes a pusher to its user."""
URL_CHARACTERS_MAX: Final = 2_048
DATA_BYTES_MAX: Final = 16_384
"""All of it goes to the gateway with every push."""

_TEXTS: Final[tuple[str, ...]] = ("app_display_name", "device_display_name", "lang")


@frozen
class PusherName:
    """What tells the pushers of one user apart."""

    app_id: str
    pushkey: str


@frozen
class Pusher:
    """
    Where and how a user wants to be told of events.

    *texts*: ``app_display_name``, ``device_display_name``, ``lang`` and, if there is one, ``profile_tag``.
    """

    name: PusherName
    kind: str
    texts: Mapping[str, str]
    data: JSONObject

    @property
    def url(self) -> str:
        """The push gateway of a pusher of kind ``http``."""
        return str(self.data["url"])

    @property
    def is_event_id_only(self) -> bool:
        """Whether the gateway is told of no more than which event it is."""
        return self.data.get("format") == EVENT_ID_ONLY

    @property
    def gateway_data(self) -> JSONObject:
        """What the gateway gets of the data."""
        return {name: value for name, value in self.data.items() if name != "url"}

    def to_json(self) -> JSONObject:
        """The pusher for its user."""
        return {
            "app_id": self.name.app_id,
            "pushkey": self.name.pushkey,
            "kind": self.kind,
            **self.texts,
            "data": self.data,
        }


@frozen
class PusherSetting:
    """*append*: other users may have pushers of the same name; otherwise theirs end."""

    pusher: Pusher
    append: bool


PusherChange: TypeAlias = PusherSetting | PusherName
"""A pusher is set; or the one of that name is deleted."""


def parse_pusher_change(body: JSONObject, *, allow_http: bool) -> PusherChange:
    """What a client asks for; *allow_http*: gateways may be named by ``http://`` as well.  Raises Malformed."""
    _require(body, "kind", "app_id", "pushkey")
    name = PusherName(
        _text(body, "app_id", APP_ID_CHARACTERS_MAX, "characters"),
        _text(body, "pushkey", PUSHKEY_BYTES_MAX, "bytes"),
    )
    if body["kind"] is None:
        return name
    kind = _text(body, "kind", TEXT_CHARACTERS_MAX, "characters")
    _require(body, *_TEXTS, "data")
    texts = {key: _text(body, key, TEXT_CHARACTERS_MAX, "characters", can_be_empty=True) for key in _TEXTS}
    if body.get("profile_tag") is not None:
        texts["profile_tag"] = _text(body, "profile_tag", TEXT_CHARACTERS_MAX, "characters", can_be_empty=True)
    data = body["data"]
    if not isinstance(data, dict):
        raise Malformed("This must be an object.", "data")
    if len(encode_json(data)) > DATA_BYTES_MAX:
        raise Malformed(f"This has at most {DATA_BYTES_MAX} bytes.", "data", "M_INVALID_PARAM")
    if kind == HTTP:
        _check_gateway(data, allow_http)
    elif kind == EMAIL and name.app_id != EMAIL_APP_ID:
        raise Malformed(f"The app_id of a pusher by mail is {EMAIL_APP_ID}.", "app_id", "M_INVALID_PARAM")
    append = body.get("append", False)
    if not isinstance(append, bool):
        raise Malformed("This must be true or false.", "append")
    return PusherSetting(Pusher(name, kind, texts, data), append)


def stored_pusher(form: JSONObject) -> Pusher:
    """The pusher that ``to_json`` was of."""
    texts = {key: str(form[key]) for key in (*_TEXTS, "profile_tag") if key in form}
    data = form["data"]
    assert isinstance(data, dict), "only what was parsed is stored"
    return Pusher(PusherName(str(form["app_id"]), str(form["pushkey"])), str(form["kind"]), texts, data)


def _check_gateway(data: JSONObject, allow_http: bool) -> None:
    _require(data, "url", path="data.")
    url = data["url"]
    if not isinstance(url, str):
        raise Malformed("This must be a text.", "data.url")
    if len(url) > URL_CHARACTERS_MAX or not url.isascii() or any(c.isspace() or not c.isprintable() for c in url):
        raise Malformed("This is not a URL.", "data.url", "M_INVALID_PARAM")
    try:
        parts = urlsplit(url)
        is_complete = bool(parts.hostname) and parts.port != 0
    except ValueError as error:
        raise Malformed("This is not a URL.", "data.url", "M_INVALID_PARAM") from error
    if not is_complete or parts.username is not None or parts.fragment:
        raise Malformed("This is not the URL of a push gateway.", "data.url", "M_INVALID_PARAM")
    if parts.scheme != "https" and not (parts.scheme == "http" and allow_http):
        raise Malformed("A push gateway is reached over https://.", "data.url", "M_INVALID_PARAM")
    if parts.path != NOTIFY_PATH:
        raise Malformed(f"The path of a push gateway is {NOTIFY_PATH}.", "data.url", "M_INVALID_PARAM")
    if data.get("format", EVENT_ID_ONLY) != EVENT_ID_ONLY:
        raise Malformed(f"The one format that can be asked for is {EVENT_ID_ONLY}.", "data.format", "M_INVALID_PARAM")


def _require(body: Mapping[str, JSON], *names: str, path: str = "") -> None:
    missing = [f"{path}{name}" for name in names if name not in body]
    if missing:
        raise Malformed(f"Missing parameters: {', '.join(missing)}.", code="M_MISSING_PARAM")


def _text(body: Mapping[str, JSON], name: str, most: int, unit: str, *, can_be_empty: bool = False) -> str:
    text = body[name]
    if not isinstance(text, str):
        raise Malformed("This must be a text.", name)
    size = len(text.encode("utf-8", "replace")) if unit == "bytes" else len(text)
    if size > most or "\0" in text or not (text or can_be_empty):
        raise Malformed(f"This is a text of {0 if can_be_empty else 1} to {most} {unit}.", name, "M_INVALID_PARAM")
    return text
