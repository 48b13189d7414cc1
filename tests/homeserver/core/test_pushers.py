"""Tests of homeserver/core/pushers.py."""

from unittest import TestCase

from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.malformed import Malformed
from homeserver.core.pushers import PusherName, PusherSetting, parse_pusher_change, stored_pusher

BODY: JSONObject = {
    "app_id": "org.example.app",
    "pushkey": "key",
    "kind": "http",
    "app_display_name": "App",
    "device_display_name": "Phone",
    "lang": "en",
    "profile_tag": "x",
    "data": {"url": "https://push.example/_matrix/push/v1/notify?a=b", "format": "event_id_only", "more": [1]},
}


def url(text: JSON) -> JSONObject:
    return {**BODY, "data": {"url": text}}


class ParsePusherTests(TestCase):
    """What clients send to set a pusher."""

    def assert_refused(self, code: str, body: JSONObject) -> None:
        with self.assertRaises(Malformed) as caught:
            parse_pusher_change(body, allow_http=False)
        self.assertEqual(code, caught.exception.code, str(caught.exception))

    def test_all_of_it(self) -> None:
        """What is set is shown again and survives storing; the gateway gets the data but for the URL."""
        change = parse_pusher_change(BODY, allow_http=False)
        assert isinstance(change, PusherSetting)

        self.assertEqual(BODY, change.pusher.to_json())
        self.assertEqual(change.pusher, stored_pusher(change.pusher.to_json()))
        self.assertEqual({"format": "event_id_only", "more": [1]}, change.pusher.gateway_data)
        self.assertTrue(change.pusher.is_event_id_only)
        self.assertFalse(change.append)

    def test_deleting_needs_a_name_alone(self) -> None:
        """With kind null."""
        body: JSONObject = {"app_id": "a", "pushkey": "k", "kind": None}

        self.assertEqual(PusherName("a", "k"), parse_pusher_change(body, allow_http=False))

    def test_what_is_missing_is_named(self) -> None:
        """Of a pusher that is set all but the profile tag and append is needed."""
        for name in ("app_id", "pushkey", "kind", "app_display_name", "device_display_name", "lang", "data"):
            self.assert_refused("M_MISSING_PARAM", {key: value for key, value in BODY.items() if key != name})
        self.assert_refused("M_MISSING_PARAM", {**BODY, "data": {}})

    def test_wrong_types(self) -> None:
        """Texts are texts, data is an object, append is true or false."""
        for name in ("app_id", "pushkey", "kind", "app_display_name", "lang", "profile_tag", "data", "append"):
            self.assert_refused("M_BAD_JSON", {**BODY, name: 1})
        self.assert_refused("M_BAD_JSON", url(5))

    def test_lengths(self) -> None:
        """Pushkeys are counted in bytes, application IDs in characters, and neither is empty."""
        parse_pusher_change({**BODY, "pushkey": "k" * 512, "app_id": "ä" * 64}, allow_http=False)
        for name, text in (
            ("pushkey", "ä" * 257),
            ("app_id", "a" * 65),
            ("pushkey", ""),
            ("app_id", ""),
            ("lang", "l" * 513),
        ):
            self.assert_refused("M_INVALID_PARAM", {**BODY, name: text})
        self.assert_refused("M_INVALID_PARAM", {**BODY, "pushkey": "a\0b"})
        self.assert_refused("M_INVALID_PARAM", {**BODY, "data": {**_data(), "more": "x" * 20_000}})

    def test_gateways(self) -> None:
        """An HTTPS URL with the one path; plain HTTP only where the server allows it."""
        for text in (
            "https://push.example/",
            "https://push.example/_matrix/push/v1/notify/",
            "https:///_matrix/push/v1/notify",
            "ftp://push.example/_matrix/push/v1/notify",
            "http://push.example/_matrix/push/v1/notify",
            "https://user@push.example/_matrix/push/v1/notify",
            "https://push.example/_matrix/push/v1/notify#x",
            "https://push.example:0/_matrix/push/v1/notify",
            "https://push.example:99999/_matrix/push/v1/notify",
            "https://[::1/_matrix/push/v1/notify",
            "https://push example/_matrix/push/v1/notify",
            "https://pu\nsh.example/_matrix/push/v1/notify",
            "https://" + "a" * 2_100 + "/_matrix/push/v1/notify",
            "",
        ):
            self.assert_refused("M_INVALID_PARAM", url(text))
        parse_pusher_change(url("http://push.example/_matrix/push/v1/notify"), allow_http=True)

    def test_unknown_formats(self) -> None:
        """There is one."""
        self.assert_refused("M_INVALID_PARAM", {**BODY, "data": {**_data(), "format": "html"}})
        self.assert_refused("M_INVALID_PARAM", {**BODY, "data": {**_data(), "format": None}})


def _data() -> JSONObject:
    data = BODY["data"]
    assert isinstance(data, dict)
    return data
