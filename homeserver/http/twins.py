"""
Paths beside the spec's own, under which clients still ask for the same operations.

Until v1.1 of the spec, what is ``v3`` now was ``r0``.  Unstable paths are those that a proposal used before it landed.
"""

from homeserver.http.rows import Row

IGNORED = "_"
"""The name of a path parameter that means nothing any more."""

_UNSTABLE = "/_matrix/client/unstable"

_TWINS: dict[str, tuple[str, ...]] = {
    # The state key may be empty; the slash before it may be left out then.
    "client-server/getRoomStateWithKey": (
        "/_matrix/client/v3/rooms/{roomId}/state/{eventType}",
        "/_matrix/client/r0/rooms/{roomId}/state/{eventType}",
    ),
    "client-server/setRoomStateWithKey": (
        "/_matrix/client/v3/rooms/{roomId}/state/{eventType}",
        "/_matrix/client/r0/rooms/{roomId}/state/{eventType}",
    ),
    "client-server/getPushRules": ("/_matrix/client/v3/pushrules", "/_matrix/client/r0/pushrules"),
    "client-server/getPushRulesGlobal": (
        "/_matrix/client/v3/pushrules/global",
        "/_matrix/client/r0/pushrules/global",
    ),
    # MSC2965, 2946, 3030, 3266, 3882, 2666, 3916, 2246, 1756, 2659
    "client-server/getAuthMetadata": (f"{_UNSTABLE}/org.matrix.msc2965/auth_metadata",),
    "client-server/getSpaceHierarchy": (f"{_UNSTABLE}/org.matrix.msc2946/rooms/{{roomId}}/hierarchy",),
    "client-server/getEventByTimestamp": (f"{_UNSTABLE}/org.matrix.msc3030/rooms/{{roomId}}/timestamp_to_event",),
    "client-server/getRoomSummary": (
        f"{_UNSTABLE}/im.nheko.summary/summary/{{roomIdOrAlias}}",
        f"{_UNSTABLE}/im.nheko.summary/rooms/{{roomIdOrAlias}}/summary",
    ),
    "client-server/generateLoginToken": (f"{_UNSTABLE}/org.matrix.msc3882/login/get_token",),
    "client-server/getContentAuthed": (f"{_UNSTABLE}/org.matrix.msc3916/media/download/{{serverName}}/{{mediaId}}",),
    "client-server/getContentThumbnailAuthed": (
        f"{_UNSTABLE}/org.matrix.msc3916/media/thumbnail/{{serverName}}/{{mediaId}}",
    ),
    "client-server/createContent": ("/_matrix/media/unstable/fi.mau.msc2246/create",),
    "client-server/uploadCrossSigningKeys": (f"{_UNSTABLE}/keys/device_signing/upload",),
    "client-server/uploadCrossSigningSignatures": (f"{_UNSTABLE}/keys/signatures/upload",),
    "client-server/pingAppservice": (f"{_UNSTABLE}/fi.mau.msc2659/appservice/{{appserviceId}}/ping",),
    # MSC4133: before v1.16.
    "client-server/getProfileField": (f"{_UNSTABLE}/uk.tcpip.msc4133/profile/{{userId}}/{{keyName}}",),
    "client-server/setProfileField": (f"{_UNSTABLE}/uk.tcpip.msc4133/profile/{{userId}}/{{keyName}}",),
    "client-server/deleteProfileField": (f"{_UNSTABLE}/uk.tcpip.msc4133/profile/{{userId}}/{{keyName}}",),
    # MSC2432: before v1.1.
    "client-server/getLocalAliases": (f"{_UNSTABLE}/org.matrix.msc2432/rooms/{{roomId}}/aliases",),
    # MSC2675: before v1.3.
    "client-server/getRelatingEvents": (f"{_UNSTABLE}/rooms/{{roomId}}/relations/{{eventId}}",),
    "client-server/getRelatingEventsWithRelType": (f"{_UNSTABLE}/rooms/{{roomId}}/relations/{{eventId}}/{{relType}}",),
    "client-server/getRelatingEventsWithRelTypeAndEventType": (
        f"{_UNSTABLE}/rooms/{{roomId}}/relations/{{eventId}}/{{relType}}/{{eventType}}",
    ),
    # Until v1.5 one key was asked for, and all were answered.
    "server-server/getServerKey": ("/_matrix/key/v2/server/{_}", "/_matrix/key/v2/server/"),
}

_RENAMED = (("/_matrix/client/v3/", "/_matrix/client/r0/"), ("/_matrix/media/v3/", "/_matrix/media/r0/"))


def twins_of(row: Row) -> tuple[str, ...]:
    """The other paths of an operation."""
    older = tuple(
        row.path.replace(v3, r0, 1) for v3, r0 in _RENAMED if row.path.startswith(v3) and row.since in {"1.0", "1.1"}
    )
    return (*older, *_TWINS.get(row.name, ()), *row.twins)
