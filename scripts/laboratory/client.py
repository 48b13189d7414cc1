"""A small blocking Matrix client for laboratories: one user, one keep-alive connection, plain JSON in and out."""

import http.client
import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any, cast
from urllib.parse import quote, urlencode

from attrs import define, field

from scripts.laboratory.homeservers import Homeserver
from scripts.laboratory.processes import PATIENCE_SECONDS, wait_until

JSONObject = dict[str, Any]
PASSWORD = "correct horse battery staple"


class MatrixError(Exception):
    """The server refused."""

    def __init__(self, status: int, body: JSONObject) -> None:
        super().__init__(f"{status} {body.get('errcode')}: {body.get('error')}")
        self.status = status
        self.errcode = body.get("errcode")


def send_request(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    content: bytes | None = None,
    authorization: str = "",
) -> tuple[int, JSONObject]:
    """The status and JSON of the answer, over a connection kept alive; opened anew when the server closed it."""
    headers = {"Content-Type": "application/json"}
    if authorization:
        headers["Authorization"] = authorization
    for attempt in (1, 2):
        try:
            connection.request(method, path, content, headers)
            response = connection.getresponse()
            return response.status, cast(JSONObject, json.loads(response.read() or b"{}"))
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            connection.close()
            if attempt == 2:
                raise
        except (OSError, http.client.HTTPException):
            # What is half done on this connection must not be taken for the answer to the next request.
            connection.close()
            raise
    raise AssertionError("the second attempt returns or raises")


@define
class MatrixClient:
    """One user on one server.  Every method raises MatrixError when the server refuses."""

    server: Homeserver
    user_id: str = ""
    access_token: str = ""
    device_id: str = ""
    _connection: http.client.HTTPConnection = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        place = self.server.place
        self._connection = http.client.HTTPConnection(place.host, place.client_port, timeout=PATIENCE_SECONDS)

    def request(
        self, method: str, path: str, body: object = None, query: Mapping[str, str] | None = None
    ) -> JSONObject:
        """*path* is below ``/_matrix/client``."""
        target = f"/_matrix/client{path}" + (f"?{urlencode(query)}" if query else "")
        content = None if body is None else json.dumps(body).encode()
        authorization = f"Bearer {self.access_token}" if self.access_token else ""
        status, answer = send_request(self._connection, method, target, content, authorization)
        if status != 200:
            raise MatrixError(status, answer)
        return answer

    def room(self, method: str, room_id: str, rest: str, body: object = None, **query: str) -> JSONObject:
        """*rest* is below the room's own path."""
        return self.request(method, f"/v3/rooms/{quote(room_id, safe='')}{rest}", body, query)

    def create_room(self, **content: Any) -> str:
        return str(self.request("POST", "/v3/createRoom", content)["room_id"])

    def join(self, room: str, *via: str) -> str:
        # Older servers know the parameter by its first name only.
        query = urlencode([(name, server) for server in via for name in ("via", "server_name")])
        path = f"/v3/join/{quote(room, safe='')}" + (f"?{query}" if query else "")
        return str(self.request("POST", path, {})["room_id"])

    def leave(self, room_id: str) -> None:
        self.room("POST", room_id, "/leave", {})

    def invite(self, room_id: str, user_id: str) -> None:
        self.room("POST", room_id, "/invite", {"user_id": user_id})

    def kick(self, room_id: str, user_id: str) -> None:
        self.room("POST", room_id, "/kick", {"user_id": user_id})

    def ban(self, room_id: str, user_id: str) -> None:
        self.room("POST", room_id, "/ban", {"user_id": user_id})

    def unban(self, room_id: str, user_id: str) -> None:
        self.room("POST", room_id, "/unban", {"user_id": user_id})

    def send(self, room_id: str, text: str) -> str:
        """The event ID of a text message."""
        path = f"/send/m.room.message/{secrets.token_hex(8)}"
        return str(self.room("PUT", room_id, path, {"msgtype": "m.text", "body": text})["event_id"])

    def set_state(self, room_id: str, event_type: str, content: JSONObject, state_key: str = "") -> str:
        path = f"/state/{quote(event_type, safe='')}/{quote(state_key, safe='')}"
        return str(self.room("PUT", room_id, path, content)["event_id"])

    def state(self, room_id: str) -> dict[tuple[str, str], JSONObject]:
        """The events of the current state."""
        events = cast("list[JSONObject]", self.room("GET", room_id, "/state"))
        return {(event["type"], event["state_key"]): event for event in events}

    def state_ids(self, room_id: str) -> dict[tuple[str, str], str]:
        """The event IDs of the current state."""
        return {key: event["event_id"] for key, event in self.state(room_id).items()}

    def membership(self, room_id: str, user_id: str) -> str | None:
        """As this user's server sees it; None when there is none."""
        event = self.state(room_id).get(("m.room.member", user_id))
        return event["content"]["membership"] if event else None

    def messages(self, room_id: str, limit: int = 100, start: str | None = None) -> JSONObject:
        """One page, newest first."""
        query = {"dir": "b", "limit": str(limit), **({"from": start} if start else {})}
        return self.room("GET", room_id, "/messages", **query)

    def timeline(self, room_id: str, pages_max: int = 50, after: str | None = None) -> list[JSONObject]:
        """The events of the room that this user may see, newest first; all, or those *after* one."""
        events: list[JSONObject] = []
        start: str | None = None
        for _ in range(pages_max):
            page = self.messages(room_id, start=start)
            for event in page["chunk"]:
                if event["event_id"] == after:
                    return events
                events.append(event)
            start = page.get("end")
            if start is None:
                break
        return events

    def sync(self, since: str | None = None, timeout_ms: int = 0, sync_filter: JSONObject | None = None) -> JSONObject:
        query = {"timeout": str(timeout_ms)}
        if since:
            query["since"] = since
        if sync_filter:
            query["filter"] = json.dumps(sync_filter)
        return self.request("GET", "/v3/sync", query=query)

    def wait_for_sync(self, condition: Callable[[JSONObject], object], what: str) -> JSONObject:
        """The first of the answers to a chain of syncs that meets *condition*; the first one holds everything."""
        since: str | None = None

        def ask() -> JSONObject | None:
            nonlocal since
            answer = self.sync(since, timeout_ms=2000 if since else 0)
            since = answer["next_batch"]
            return answer if condition(answer) else None

        found = wait_until(ask, f"{self.user_id}: {what}")
        assert found is not None
        return found

    def has_event(self, room_id: str, event_id: str) -> bool:
        """Whether this user's server shows the event."""
        try:
            self.room("GET", room_id, f"/event/{quote(event_id, safe='')}")
        except MatrixError as error:
            if error.status == 404:
                return False
            raise
        return True

    def wait_for_event(self, room_id: str, event_id: str) -> JSONObject:
        """The event, once this user's server has it in the timeline."""

        def brings_it(answer: JSONObject) -> bool:
            room = answer.get("rooms", {}).get("join", {}).get(room_id, {})
            return any(event["event_id"] == event_id for event in room.get("timeline", {}).get("events", []))

        answer = self.wait_for_sync(brings_it, f"{event_id} arrives")
        events = answer["rooms"]["join"][room_id]["timeline"]["events"]
        return next(event for event in events if event["event_id"] == event_id)

    def wait_for_invite(self, room_id: str) -> None:
        self.wait_for_sync(lambda answer: room_id in answer.get("rooms", {}).get("invite", {}), "an invite arrives")

    def wait_for_membership(self, room_id: str, user_id: str, membership: str | None) -> None:
        """This user's server sees *user_id* in the room so."""
        wait_until(
            lambda: self.membership(room_id, user_id) == membership,
            f"{self.user_id} sees {user_id} as {membership}",
        )


def register(server: Homeserver, username: str) -> MatrixClient:
    """A client of a new user, made with the one request that open registration asks for."""
    client = MatrixClient(server)
    account = {"username": username, "password": PASSWORD, "auth": {"type": "m.login.dummy"}}
    answer = client.request("POST", "/v3/register", account)
    client.user_id, client.access_token = answer["user_id"], answer["access_token"]
    client.device_id = answer["device_id"]
    return client


def log_in(server: Homeserver, user_id: str, password: str = PASSWORD) -> MatrixClient:
    """A client of a new device of a user there is already."""
    client = MatrixClient(server, user_id)
    identifier = {"type": "m.id.user", "user": user_id}
    content = {"type": "m.login.password", "identifier": identifier, "password": password}
    answer = client.request("POST", "/v3/login", content)
    client.access_token, client.device_id = answer["access_token"], answer["device_id"]
    return client
