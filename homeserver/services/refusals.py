"""
Refusals: what a service answers to a request that is well-formed and may not be.

One class a reason; ``homeserver/http/errors.py`` knows how each looks on the wire.
*reason* is a sentence for the user.
"""

from collections.abc import Mapping

from homeserver.core.canonical import JSON
from homeserver.core.interactive_auth import Challenge


class Refusal(Exception):
    """A request is understood and refused."""

    reason = "This request is refused."

    def __init__(self, reason: str | None = None) -> None:
        self.reason = reason or self.reason
        super().__init__(self.reason)


class Forbidden(Refusal):
    """The rules of the room or the account do not let the caller do this."""

    reason = "You may not do this."


class NotInRoom(Forbidden):
    """The caller is not in the room, or the room is not known here: a stranger is told neither."""

    reason = "You are not in this room."


class NotFound(Refusal):
    """What was asked for does not exist, as far as the caller may know."""

    reason = "This was not found."


class Taken(Refusal):
    """The user name is in use."""

    reason = "This user name is taken."


class AliasTaken(Refusal):
    """The room alias is in use."""

    reason = "This room alias is taken."


class NewAliasTaken(Refusal):
    """The alias that a new room was to have is in use."""

    reason = "This room alias is taken."


class BadAlias(Refusal):
    """An alias that a room wants to show does not point to it."""

    reason = "This alias does not point to the room."


class DuplicateAnnotation(Refusal):
    """The caller has said the same of the event before."""

    reason = "You have said this of the event already."


class NestedThread(Refusal):
    """The event to start a thread from relates to another itself."""

    reason = "No thread can start from an event that relates to another."


class InvalidRoomState(Refusal):
    """The first state that a new room was to have is refused by its own rules."""

    reason = "The room cannot begin with this state."


class Reserved(Refusal):
    """The name lies in a namespace that belongs to an application service."""

    reason = "This name is reserved by an application service."


class UnknownToken(Refusal):
    """The access token is not, or no longer, good; *soft* when a refresh token may bring a new one."""

    reason = "This access token is not known, or has expired."

    def __init__(self, reason: str | None = None, *, soft: bool = False) -> None:
        super().__init__(reason)
        self.soft = soft


class MissingToken(Refusal):
    """The request needs an access token and has none."""

    reason = "This request needs an access token."


class Deactivated(Refusal):
    """The account is deactivated."""

    reason = "This account is deactivated."


class Locked(Refusal):
    """The account is locked, and may log out at most.  Spec: client-server-api#account-locking"""

    reason = "This account has been locked."


class Expired(Locked):
    """The account has ended, and may be renewed."""

    reason = "This account has ended. The mail that told you has a link to renew it; or ask an administrator."


class Suspended(Refusal):
    """The account is suspended, and may not do this.  Spec: client-server-api#account-suspension"""

    reason = "You cannot perform this action while suspended."


class GuestsForbidden(Refusal):
    """Guests may not do this."""

    reason = "Guests may not do this."


class TooSoon(Refusal):
    """The caller has used up the rate limit; *retry_after_ms* from now it may try again."""

    reason = "Too many requests; please wait."

    def __init__(self, retry_after_ms: int, reason: str | None = None) -> None:
        super().__init__(reason)
        self.retry_after_ms = retry_after_ms


class TooLarge(Refusal):
    """What was sent is larger than allowed."""

    reason = "This is too large."


class BadState(Refusal):
    """The request does not fit the state that the room or account is in."""

    reason = "This does not fit the current state."


class NotBanned(Refusal):
    """Whoever is not banned cannot be unbanned."""

    reason = "This user is not banned."


class StillInRoom(Refusal):
    """A room is left before it is forgotten."""

    reason = "Leave the room before you forget it."


class UnknownAddress(Refusal):
    """Nobody who could be meant has this third-party identifier."""

    reason = "This address is nobody's who could be meant, or the password is wrong."


class UnsupportedVersion(Refusal):
    """This server does not know the room version."""

    reason = "This server does not support that room version."


class IncompatibleVersion(Refusal):
    """Whoever wants to join does so from a server that does not know the version of the room, *room_version*."""

    reason = "Your server does not support the version of this room."

    def __init__(self, room_version: str) -> None:
        super().__init__()
        self.room_version = room_version


class WrongBackupVersion(Refusal):
    """Keys go into the newest backup of a user only; *current_version* is its name, empty when there is none."""

    reason = "This is not the current backup."

    def __init__(self, current_version: str) -> None:
        super().__init__()
        self.current_version = current_version


class WeakPassword(Refusal):
    """The password breaks the server's policy."""

    reason = "This password is too weak."


class InvalidParameter(Refusal):
    """A parameter is well-formed and means nothing here."""

    reason = "A parameter of this request is not valid."


class Relayed(Refusal):
    """Another server refuses; *status* and *body* are what the client is told, None: the table's."""

    def __init__(self, reason: str | None = None, status: int = 400, body: Mapping[str, JSON] | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.body = body


class NotRecommended(Relayed):
    """A policy server does not let an event pass.  Spec: server-server-api#validating-policy-server-signatures"""

    reason = "The policy server of this room does not let this pass."


class IdentityRefusal(Relayed):
    """An identity server does not do what a user asked it for.  Spec: client-server-api#third-party-invites"""

    reason = "The identity server refuses this."


class InviteBlocked(Refusal):
    """The user does not want to be invited.  Spec: client-server-api#invite-permission"""

    reason = "This user does not take invites from you."


class CannotLeaveNotices(Refusal):
    """The invite to the room of notices is not to be rejected.  Spec: client-server-api#server-notices"""

    reason = "You cannot reject this invite: in this room the server tells you what you must know."


class AddressInUse(Refusal):
    """The address belongs to another account."""

    reason = "This address belongs to an account already."


class AddressNotFound(Refusal):
    """The address belongs to no account, or not to the caller's."""

    reason = "This address belongs to no account here."


class AddressDenied(Refusal):
    """The server does not take addresses of this kind."""

    reason = "This server does not take this address."


class MediumNotSupported(Refusal):
    """The server cannot reach addresses of this medium, so that nobody proves one."""

    reason = "This server does not take addresses of this kind."


class AddressNotProved(Refusal):
    """The session that should prove the address does not, or not yet."""

    reason = "This address has not been confirmed; please follow the link in the mail first."


class WrongToken(Refusal):
    """What was to come with the mail did not."""

    reason = "This is not what the mail said."


class SessionExpired(Refusal):
    """The address was not proved in time."""

    reason = "This took too long, or was done before; please begin again."


class MailNotSent(Refusal):
    """The mail server cannot be reached, or does not do its work."""

    reason = "The mail could not be sent; please try again later."


class Exclusive(Refusal):
    """The name belongs to an application service alone."""

    reason = "This belongs to an application service."


class Misunderstood(Refusal):
    """Another server finds fault with what this one sent it for its user."""

    reason = "The other server does not understand this one."


class Unreachable(Refusal):
    """Another server that is needed for this cannot be reached, or fails."""

    reason = "No server that could answer this can be reached."


class UnableToAuthorizeJoin(Refusal):
    """This server cannot check a restricted room's conditions; another may."""

    reason = "This server cannot check whether you may join; another may."


class UnableToGrantJoin(Refusal):
    """The joining user passes, and this server has nobody in the room who may invite."""

    reason = "Nobody of this server may grant this join."


class BadSignature(Refusal):
    """A request that speaks for another server does not prove it."""

    reason = "The signature of this request cannot be verified."


class NotAuthorized(Refusal):
    """The caller is known, and may not have this; why is nobody's business."""

    reason = "You may not have this."


class InteractiveAuthRequired(Refusal):
    """
    The request needs a next stage of user-interactive authentication, as *challenge* says.

    Spec: client-server-api#user-interactive-api-in-the-rest-api
    """

    reason = "More authentication is needed."

    def __init__(self, challenge: Challenge) -> None:
        super().__init__(challenge.error)
        self.challenge = challenge


class Conflict(Refusal):
    """What the request is about has come to another end already."""

    reason = "This has come to another end already."


class StateMoved(Conflict):
    """What was decided by the room's state came too late: it is another by now."""

    reason = "Somebody else has just changed this room."


class ServerManaged(Refusal):
    """This account data is the server's to write.  Spec: client-server-api#client-config"""

    reason = "The server manages this; it cannot be set."


class UnknownDevice(Refusal):
    """
    An application service speaks for a device that its user does not have.

    Spec: application-service-api#identity-assertion
    """

    reason = "The user has no such device."


class AppserviceSilent(Refusal):
    """An application service does not answer whether something exists.  Spec: application-service-api#querying"""

    reason = "The application service that could answer this does not answer."


class URLNotSet(Refusal):
    """An application service is told nothing, as its registration names no URL."""

    reason = "The application service has no URL."


class PingFailed(Refusal):
    """An application service cannot be connected to."""

    reason = "The application service cannot be reached."


class PingTimedOut(PingFailed):
    """An application service was connected to, perhaps, and did not answer in time."""

    reason = "The application service did not answer in time."


class PingRefused(PingFailed):
    """An application service answered something else than that all is well."""

    reason = "The application service did not answer as it should."

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"The application service answered {status}.")
        self.status = status
        self.body = body


class UnknownPos(Refusal):
    """A connection of sliding sync is no more, or never was: its client starts anew.  Spec: proposals/4186"""

    reason = "This server does not know that pos, or no longer."


class ConflictingUnsubscription(Refusal):
    """The user has unsubscribed from the thread after what would subscribe them.  Spec: proposals/4306"""

    reason = "The user has unsubscribed from this thread since."


class UnstableConflictingUnsubscription(ConflictingUnsubscription):
    """The same to clients of before the proposal is in the spec."""


class NotInThread(Refusal):
    """The event that is said to subscribe the user to a thread is not in it.  Spec: proposals/4306"""

    reason = "This event is not in that thread."


class UnstableNotInThread(NotInThread):
    """The same to clients of before the proposal is in the spec."""
