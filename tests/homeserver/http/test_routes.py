"""Methods and paths lead to endpoints."""

from typing import Any
from unittest import TestCase

from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import EventID, RoomID, ServerName, UserID
from homeserver.core.malformed import Malformed
from homeserver.http.operation import operation, server_operation
from homeserver.http.replies import Empty
from homeserver.http.routes import Found, Router, WrongMethod
from homeserver.services.callers import Caller


@frozen
class Endpoints:
    @operation("getVersions")
    async def versions(self) -> Empty:
        return Empty()

    @operation("postReceipt")
    async def receipt(self, room_id: RoomID, receipt_type: str, event_id: EventID, body: JSONObject) -> Empty:
        return Empty()

    @operation("getRoomStateWithKey")
    async def state(self, room_id: RoomID, event_type: str, state_key: str, format_: str = "content") -> Empty:
        return Empty()

    @operation("getPushRules")
    async def push_rules(self, caller: Caller) -> Empty:
        return Empty()

    @server_operation("queryInfo")
    async def query(self, origin: ServerName, query_type: str) -> Empty:
        return Empty()

    @server_operation("queryProfile")
    async def query_profile(self, origin: ServerName, user_id: UserID, field: str | None) -> Empty:
        return Empty()

    @server_operation("getServerKey")
    async def keys(self) -> Empty:
        return Empty()


ROUTER = Router([Endpoints()])
V3 = b"/_matrix/client/v3"


def find(method: bytes, path: bytes) -> Any:
    """The name of the endpoint and the values of its path; or what else the router says."""
    found = ROUTER.find(method, path)
    if isinstance(found, Found):
        return (found.route.endpoint.__name__, *found.values)
    return found


class RouterTests(TestCase):
    def test_paths_without_parameters(self) -> None:
        """One look-up."""
        self.assertEqual(("versions",), find(b"GET", b"/_matrix/client/versions"))

    def test_parameters_are_decoded_after_the_path_is_cut(self) -> None:
        """An encoded slash belongs to its parameter; a plus is a plus."""
        path = V3 + b"/rooms/!a%2Fb:c/receipt/m.r+ead/%24%C3%A9"

        self.assertEqual(("receipt", "!a/b:c", "m.r+ead", "$é"), find(b"POST", path))

    def test_literals_may_be_encoded_as_well(self) -> None:
        """What need not be encoded may be."""
        self.assertEqual(("versions",), find(b"GET", b"/%5Fmatrix/client/versions"))

    def test_what_was_r0_is_still_there(self) -> None:
        """Clients older than v1.1 of the spec ask under r0."""
        self.assertEqual(
            ("receipt", "!r", "m.read", "$e"), find(b"POST", b"/_matrix/client/r0/rooms/!r/receipt/m.read/$e")
        )

    def test_the_state_key_may_be_empty(self) -> None:
        """With or without the slash before it."""
        for path in (b"/rooms/!r/state/m.room.name/", b"/rooms/!r/state/m.room.name"):
            with self.subTest(path=path):
                self.assertEqual(("state", "!r", "m.room.name", ""), find(b"GET", V3 + path))

    def test_empty_segments_are_not_parameters(self) -> None:
        """A room is not called nothing."""
        self.assertIsNone(find(b"POST", V3 + b"/rooms//receipt/m.read/$e"))

    def test_a_literal_goes_before_a_parameter(self) -> None:
        """And where it leads nowhere, the parameter is tried."""
        self.assertEqual(("query_profile",), find(b"GET", b"/_matrix/federation/v1/query/profile"))
        self.assertEqual(("query", "other"), find(b"GET", b"/_matrix/federation/v1/query/other"))

    def test_a_slash_at_the_end_that_means_nothing(self) -> None:
        """The spec writes one after pushrules; clients do not all."""
        self.assertEqual(("push_rules",), find(b"GET", V3 + b"/pushrules/"))
        self.assertEqual(("push_rules",), find(b"GET", V3 + b"/pushrules"))

    def test_a_parameter_that_means_nothing(self) -> None:
        """A key's ID was once part of the path."""
        self.assertEqual(("keys",), find(b"GET", b"/_matrix/key/v2/server/ed25519:a"))

    def test_head_is_get(self) -> None:
        """The edge leaves out the body."""
        self.assertEqual(("versions",), find(b"HEAD", b"/_matrix/client/versions"))

    def test_other_methods_are_told(self) -> None:
        """With those that there are."""
        self.assertEqual(WrongMethod(("GET", "HEAD")), find(b"PUT", b"/_matrix/client/versions"))
        self.assertEqual(WrongMethod(("POST",)), find(b"GET", V3 + b"/rooms/!r/receipt/m.read/$e"))

    def test_unknown_paths_are_unknown(self) -> None:
        """Also those that only begin like one."""
        for path in (b"", b"/", b"*", b"/_matrix", V3 + b"/rooms/!r/receipt/m.read/$e/more", V3 + b"/rooms/!r"):
            with self.subTest(path=path):
                self.assertIsNone(find(b"GET", path))

    def test_what_is_not_utf8_is_malformed(self) -> None:
        """And no mistake of ours."""
        with self.assertRaises(Malformed):
            find(b"POST", V3 + b"/rooms/!%ff/receipt/m.read/$e")

    def test_nothing_is_served_twice(self) -> None:
        """Two endpoints at one path are a mistake."""
        with self.assertRaises(ValueError):
            Router([Endpoints(), Endpoints()])


@given(path=st.binary(max_size=60), method=st.sampled_from([b"GET", b"POST", b"X"]))
def test_any_path_is_found_unknown_or_malformed(path: bytes, method: bytes) -> None:
    """Strangers ask for anything."""
    for prefix in (b"", V3 + b"/rooms/"):
        try:
            found = ROUTER.find(method, prefix + path)
        except Malformed:
            continue

        assert found is None or isinstance(found, Found | WrongMethod)
