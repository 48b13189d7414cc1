"""Which rate limit an operation falls under.  Spec: client-server-api#rate-limiting"""

from collections.abc import Callable
from typing import Final

from attrs import define, field

from homeserver.core.rates import Rate
from homeserver.http.rows import Row
from homeserver.services.callers import Caller
from homeserver.services.rate_limits import RateLimiter, RateLimitSettings, RateSettings

# The spec marks few of the operations that write; those named here are limited whether it does or not.
KINDS: Final = {
    "registration": (
        "register", "checkUsernameAvailability", "registrationTokenValidity", "requestTokenToRegisterEmail",
        "requestTokenToRegisterMSISDN", "requestTokenTo3PIDEmail", "requestTokenTo3PIDMSISDN",
        "requestTokenToResetPasswordEmail", "requestTokenToResetPasswordMSISDN",
    ),
    "login": ("login", "refresh", "getLoginFlows", "generateLoginToken"),
    "send": ("sendMessage", "redactEvent", "setRoomStateWithKey", "sendToDevice"),
    "join": ("joinRoom", "joinRoomById", "knockRoom", "leaveRoom", "forgetRoom"),
    "invite": ("inviteUser", "kick", "ban", "unban"),
    "create_room": ("createRoom", "upgradeRoom"),
    "media": (
        "uploadContent", "uploadContentToMXC", "createContent", "getContentAuthed", "getContentOverrideNameAuthed",
        "getContentThumbnailAuthed", "getUrlPreviewAuthed", "getContent", "getContentOverrideName",
        "getContentThumbnail", "getUrlPreview",
    ),
}  # fmt: skip

# Strangers may make this server ask others by it.
_UNMARKED: Final = frozenset({"client-server/getRoomSummary"})
_KIND_OF: Final = {f"client-server/{id_}": kind for kind, ids in KINDS.items() for id_ in ids}


def kind_of(row: Row) -> str | None:
    """The name of the setting that limits an operation; None: it is not limited."""
    is_other = (row.rate_limited and row.api != "server-server") or row.name in _UNMARKED
    return row.limited_as or _KIND_OF.get(row.name) or ("other" if is_other else None)


@define(eq=False)
class RequestLimits:
    """Counts requests against their limits."""

    now_ms: Callable[[], float]
    settings: RateLimitSettings
    _limiters: dict[str, RateLimiter] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._limiters = {kind: self._limiter(getattr(self.settings, kind)) for kind in (*KINDS, "other")}

    def check(self, row: Row, caller: Caller | None, client_ip: str) -> None:
        """One more request of *row* counts, for the caller or else for the address.  Raises TooSoon."""
        if not self.settings.enabled or (caller is not None and not caller.is_rate_limited):
            return
        kind = kind_of(row)
        if kind is None:
            return
        limiter = self._limiters[kind]
        if caller is None:
            limiter.take(client_ip)
        elif caller.limits is None or kind not in caller.limits:
            limiter.take(caller.user_id)
        else:
            own = caller.limits[kind]
            if own is not None:
                limiter.take(caller.user_id, own)

    def _limiter(self, settings: RateSettings) -> RateLimiter:
        return RateLimiter(self.now_ms, Rate(settings.per_second, settings.burst))
