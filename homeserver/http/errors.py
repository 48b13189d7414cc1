"""
The one table from what is raised to what a client sees.

Spec: client-server-api#standard-error-response
"""

from typing import Final

from homeserver.core.malformed import Malformed
from homeserver.http.replies import Answer, Header, encode
from homeserver.services import refusals as r
from homeserver.services.ports import PeerFault, PeerUnreachable

REFUSALS: Final[dict[type[Exception], tuple[int, str]]] = {
    r.Refusal: (403, "M_FORBIDDEN"),
    r.Forbidden: (403, "M_FORBIDDEN"),
    r.NotInRoom: (403, "M_FORBIDDEN"),
    r.NotFound: (404, "M_NOT_FOUND"),
    r.Taken: (400, "M_USER_IN_USE"),
    r.AliasTaken: (409, "M_ROOM_IN_USE"),
    r.NewAliasTaken: (400, "M_ROOM_IN_USE"),
    r.BadAlias: (400, "M_BAD_ALIAS"),
    r.DuplicateAnnotation: (400, "M_DUPLICATE_ANNOTATION"),
    r.NestedThread: (400, "M_UNKNOWN"),
    r.InvalidRoomState: (400, "M_INVALID_ROOM_STATE"),
    r.Reserved: (400, "M_EXCLUSIVE"),
    r.UnknownToken: (401, "M_UNKNOWN_TOKEN"),
    r.MissingToken: (401, "M_MISSING_TOKEN"),
    r.Deactivated: (403, "M_USER_DEACTIVATED"),
    r.Locked: (401, "M_USER_LOCKED"),
    r.Expired: (401, "M_USER_LOCKED"),
    r.Suspended: (403, "M_USER_SUSPENDED"),
    r.GuestsForbidden: (403, "M_GUEST_ACCESS_FORBIDDEN"),
    r.TooSoon: (429, "M_LIMIT_EXCEEDED"),
    r.TooLarge: (413, "M_TOO_LARGE"),
    r.BadState: (400, "M_BAD_STATE"),
    r.NotBanned: (403, "M_BAD_STATE"),
    r.StillInRoom: (400, "M_UNKNOWN"),
    r.UnknownAddress: (403, "M_FORBIDDEN"),
    r.UnsupportedVersion: (400, "M_UNSUPPORTED_ROOM_VERSION"),
    r.IncompatibleVersion: (400, "M_INCOMPATIBLE_ROOM_VERSION"),
    r.WrongBackupVersion: (403, "M_WRONG_ROOM_KEYS_VERSION"),
    r.WeakPassword: (400, "M_WEAK_PASSWORD"),
    r.InvalidParameter: (400, "M_INVALID_PARAM"),
    r.Relayed: (400, "M_FORBIDDEN"),
    r.NotRecommended: (400, "M_FORBIDDEN"),
    r.IdentityRefusal: (400, "M_FORBIDDEN"),
    r.InviteBlocked: (403, "M_INVITE_BLOCKED"),
    r.CannotLeaveNotices: (403, "M_CANNOT_LEAVE_SERVER_NOTICE_ROOM"),
    r.AddressInUse: (400, "M_THREEPID_IN_USE"),
    r.AddressNotFound: (400, "M_THREEPID_NOT_FOUND"),
    r.AddressDenied: (403, "M_THREEPID_DENIED"),
    r.MediumNotSupported: (400, "M_THREEPID_MEDIUM_NOT_SUPPORTED"),
    r.AddressNotProved: (403, "M_THREEPID_AUTH_FAILED"),
    r.WrongToken: (400, "M_TOKEN_INCORRECT"),
    r.SessionExpired: (400, "M_SESSION_EXPIRED"),
    # The server's own mail server: its operators should hear of it.
    r.MailNotSent: (503, "M_UNKNOWN"),
    r.Exclusive: (400, "M_EXCLUSIVE"),
    r.BadSignature: (401, "M_UNAUTHORIZED"),
    r.NotAuthorized: (401, "M_UNAUTHORIZED"),
    # The request names what only another server has, and that server is not to be had: for the client it is not there.
    # A 5xx would say that this server is at fault, and monitoring would wake its operators for a peer's outage.
    r.Unreachable: (404, "M_NOT_FOUND"),
    # Two servers are at odds: nothing that the client could mend, and their operators should hear of it.
    r.Misunderstood: (502, "M_UNKNOWN"),
    r.UnableToAuthorizeJoin: (400, "M_UNABLE_TO_AUTHORISE_JOIN"),
    r.UnableToGrantJoin: (400, "M_UNABLE_TO_GRANT_JOIN"),
    r.InteractiveAuthRequired: (401, "M_UNAUTHORIZED"),
    r.ServerManaged: (405, "M_BAD_JSON"),
    r.Conflict: (409, "M_UNKNOWN"),
    r.StateMoved: (409, "M_UNKNOWN"),
    r.UnknownDevice: (400, "M_UNKNOWN_DEVICE"),
    r.AppserviceSilent: (408, "M_UNKNOWN"),
    r.URLNotSet: (400, "M_URL_NOT_SET"),
    r.PingFailed: (502, "M_CONNECTION_FAILED"),
    r.PingTimedOut: (504, "M_CONNECTION_TIMEOUT"),
    r.PingRefused: (502, "M_BAD_STATUS"),
    r.UnknownPos: (400, "M_UNKNOWN_POS"),
    r.ConflictingUnsubscription: (409, "M_CONFLICTING_UNSUBSCRIPTION"),
    r.UnstableConflictingUnsubscription: (409, "IO.ELEMENT.MSC4306.M_CONFLICTING_UNSUBSCRIPTION"),
    r.NotInThread: (400, "M_NOT_IN_THREAD"),
    r.UnstableNotInThread: (400, "IO.ELEMENT.MSC4306.M_NOT_IN_THREAD"),
    PeerUnreachable: (404, "M_NOT_FOUND"),
    PeerFault: (404, "M_NOT_FOUND"),
}
"""A subclass that is not named here is its nearest superclass; a test names them all."""

_MALFORMED_STATUS: Final = {"M_TOO_LARGE": 413}


def refused(error: Malformed | r.Refusal | PeerUnreachable | PeerFault) -> Answer:
    """The response that says *error*."""
    if isinstance(error, Malformed):
        return error_answer(_MALFORMED_STATUS.get(error.code, 400), error.code, str(error))
    if isinstance(error, r.InteractiveAuthRequired):
        return Answer(401, encode(error.challenge.to_json()))
    if isinstance(error, r.Relayed) and error.body is not None:
        return Answer(error.status, encode(error.body))
    code, errcode = next(REFUSALS[class_] for class_ in type(error).__mro__ if class_ in REFUSALS)
    if isinstance(error, r.TooSoon):
        seconds = -(-error.retry_after_ms // 1000)
        retry: tuple[Header, ...] = ((b"Retry-After", b"%d" % seconds),)
        return error_answer(code, errcode, error.reason, {"retry_after_ms": error.retry_after_ms}, retry)
    if isinstance(error, r.Locked) or (isinstance(error, r.UnknownToken) and error.soft):
        return error_answer(code, errcode, error.reason, {"soft_logout": True})
    if isinstance(error, r.IncompatibleVersion):
        return error_answer(code, errcode, error.reason, {"room_version": error.room_version})
    if isinstance(error, r.WrongBackupVersion):
        return error_answer(code, errcode, error.reason, {"current_version": error.current_version})
    if isinstance(error, r.PingRefused):
        return error_answer(code, errcode, error.reason, {"status": error.status, "body": error.body})
    if isinstance(error, PeerFault):
        return error_answer(code, errcode, f"{error.peer} does not answer as it should.")
    return error_answer(code, errcode, error.reason)


def error_answer(
    code: int, errcode: str, reason: str, more: dict[str, object] | None = None, headers: tuple[Header, ...] = ()
) -> Answer:
    """A standard error response."""
    # What is complained about may hold anything that came in; a lone surrogate has no JSON.
    text = reason.encode("utf-8", "replace").decode()
    return Answer(code, encode({"errcode": errcode, "error": text, **(more or {})}), headers)


UNRECOGNIZED: Final = error_answer(404, "M_UNRECOGNIZED", "This server does not know this path.")
OURS: Final = error_answer(500, "M_UNKNOWN", "The server made a mistake; its log has more.")
BUSY: Final = error_answer(503, "M_UNKNOWN", "The server cannot do this right now; please ask again.")
STOPPING: Final = error_answer(
    503, "M_UNKNOWN", "The server is stopping; please ask again.", None, ((b"Connection", b"close"),)
)
TOO_LARGE: Final = error_answer(413, "M_TOO_LARGE", "This is larger than the server takes.")


def wrong_method(allowed: tuple[str, ...]) -> Answer:
    """The path is known, the method is not.  Spec: client-server-api#common-error-codes"""
    return error_answer(
        405, "M_UNRECOGNIZED", "This path has no such method.", None, ((b"Allow", ", ".join(allowed).encode()),)
    )
