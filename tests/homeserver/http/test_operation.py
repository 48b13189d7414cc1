"""Endpoints are held against the spec's table when they are defined."""

from typing import Any, Literal
from unittest import TestCase

from attrs import frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import EventID, RoomAlias, RoomID, ServerName, UserID
from homeserver.http.incoming import Upload
from homeserver.http.operation import endpoints_of, operation, server_operation
from homeserver.http.replies import Empty
from homeserver.services.callers import Caller, RequestInfo


class SignatureTests(TestCase):
    def wrong(self, bind: Any, endpoint: Any) -> str:
        """Why *endpoint* cannot be bound."""
        with self.assertRaises(TypeError) as caught:
            bind(endpoint)
        return str(caught.exception)

    def test_a_signature_may_leave_out_who_asks(self) -> None:
        """The caller is authenticated all the same; the order of parameters is free."""

        async def endpoint(self: Any, event_id: EventID, body: JSONObject, room_id: RoomID, receipt_type: str) -> Empty:
            return Empty()

        self.assertIs(endpoint, operation("postReceipt")(endpoint))

    def test_a_forgotten_parameter_is_named(self) -> None:
        """Whatever the spec's row has must be asked for."""

        async def endpoint(self: Any, caller: Caller, room_id: RoomID) -> Empty:
            return Empty()

        message = self.wrong(operation("postReceipt"), endpoint)

        self.assertIn("client-server/postReceipt", message)
        self.assertIn("body, event_id, receipt_type must be in its signature", message)

    def test_an_unknown_parameter_is_named(self) -> None:
        """What the row does not have cannot be had."""

        async def endpoint(self: Any, caller: Caller, when: int) -> Empty:
            return Empty()

        self.assertIn("no parameter when", self.wrong(operation("getTokenOwner"), endpoint))

    def test_only_coroutines_are_endpoints(self) -> None:
        """A plain function is refused."""

        def endpoint(self: Any, caller: Caller) -> Empty:
            return Empty()

        self.assertIn("coroutine", self.wrong(operation("getTokenOwner"), endpoint))

    def test_the_caller_may_be_nobody_where_the_spec_says_so(self) -> None:
        """And nowhere else."""

        async def careless(self: Any, caller: Caller) -> Empty:
            return Empty()

        async def careful(self: Any, caller: Caller | None) -> Empty:
            return Empty()

        self.assertIn("Caller", self.wrong(operation("getVersions"), careless))
        self.assertIn("Caller", self.wrong(operation("getTokenOwner"), careful))

    def test_no_token_no_caller(self) -> None:
        """An operation without authentication has nobody to name."""

        async def endpoint(self: Any, caller: Caller) -> Empty:
            return Empty()

        self.assertIn("no parameter caller", self.wrong(operation("getLoginFlows"), endpoint))

    def test_required_parameters_have_no_default_and_others_have_one(self) -> None:
        """The spec decides which are which."""

        async def bold(self: Any, version: str = "1") -> Empty:
            return Empty()

        async def shy(self: Any, query_type: str) -> Empty:
            return Empty()

        async def strict(self: Any, room_id: RoomID, event_type: str, state_key: str, format_: str) -> Empty:
            return Empty()

        self.assertIn("needs no default", self.wrong(operation("getRoomKeys"), bold))
        self.assertIs(shy, server_operation("queryInfo")(shy))
        self.assertIn("needs a default", self.wrong(operation("getRoomStateWithKey"), strict))

    def test_lists_are_lists(self) -> None:
        """A parameter that may be repeated is taken as a list, and no other."""

        async def endpoint(self: Any, room_id_or_alias: RoomID | RoomAlias, body: JSONObject, via: str = "") -> Empty:
            return Empty()

        self.assertIn("via is a list", self.wrong(operation("joinRoom"), endpoint))

    def test_files_are_uploads(self) -> None:
        """A body that is not JSON is not parsed as JSON."""

        async def endpoint(self: Any, body: JSONObject, filename: str | None) -> Empty:
            return Empty()

        async def good(self: Any, body: Upload, filename: str | None) -> Empty:
            return Empty()

        self.assertIn("Upload", self.wrong(operation("uploadContent"), endpoint))
        self.assertIs(good, operation("uploadContent")(good))

    def test_operations_bound_together_share_a_path(self) -> None:
        """One method and path is one endpoint."""

        async def endpoint(self: Any, caller: Caller) -> Empty:
            return Empty()

        self.assertIn("share method", self.wrong(operation("getTokenOwner", "getDevices"), endpoint))

    def test_annotations_are_real(self) -> None:
        """One in quotes might name anything."""

        async def endpoint(self: Any, caller: "Caller") -> Empty:
            return Empty()

        self.assertIn("in quotes", self.wrong(operation("getTokenOwner"), endpoint))

    def test_a_misspelled_operation_is_no_operation(self) -> None:
        """The table has no such row."""
        with self.assertRaises(KeyError):
            operation("postRecipt")


@frozen
class Both:
    """Endpoints of two operations."""

    @operation("inviteUser", "inviteBy3PID")
    async def invite(self, caller: Caller, room_id: RoomID, body: JSONObject) -> Empty:
        return Empty()

    @operation("getRoomEvents")
    async def messages(
        self,
        caller: Caller,
        info: RequestInfo,
        room_id: RoomID,
        dir_: Literal["b", "f"],
        from_: str | None,
        to: str | None,
        filter_: str | None,
        limit: int = 10,
    ) -> Empty:
        return Empty()

    @server_operation("getUserDevices")
    async def devices(self, origin: ServerName, user_id: UserID) -> Empty:
        return Empty()


class EndpointsTests(TestCase):
    def test_endpoints_are_found_with_their_rows(self) -> None:
        """Every bound method, with every operation that it serves."""
        found = {row.name: endpoint.__name__ for binding, endpoint in endpoints_of(Both()) for row in binding.rows}

        self.assertEqual(
            {
                "client-server/inviteUser": "invite",
                "client-server/inviteBy3PID": "invite",
                "client-server/getRoomEvents": "messages",
                "server-server/getUserDevices": "devices",
            },
            found,
        )
