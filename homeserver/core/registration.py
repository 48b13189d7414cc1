"""
Who may register, and the tokens that let them.

Spec: client-server-api#token-authenticated-registration
"""

import re
from typing import Final, Literal

from attrs import frozen

from homeserver.core.identifiers import ID_BYTES_MAX, DeviceID
from homeserver.core.interactive_auth import DUMMY, EMAIL_IDENTITY, REGISTRATION_TOKEN, TERMS, Flow, Flows
from homeserver.core.malformed import Malformed

_REGISTRATION_TOKEN: Final = re.compile(r"[A-Za-z0-9._~-]{1,64}\Z")
PASSWORD_CHARACTERS_MAX: Final = 1024
DISPLAY_NAME_CHARACTERS_MAX: Final = 256
"""Of a device."""


@frozen
class RegistrationToken:
    """What a registration token still allows."""

    token: str
    uses_allowed: int | None
    """None: any number."""
    uses: int
    expires_ms: int | None
    """None: never."""

    def is_valid(self, now_ms: int) -> bool:
        """Whether one more account may be registered with it."""
        return self._has_uses() and (self.expires_ms is None or now_ms < self.expires_ms)

    def _has_uses(self) -> bool:
        return self.uses_allowed is None or self.uses < self.uses_allowed


def is_registration_token(text: object) -> bool:
    """Whether *text* follows the grammar of registration tokens; what does not is no token of ours."""
    return isinstance(text, str) and _REGISTRATION_TOKEN.match(text) is not None


@frozen
class Entry:
    """What newcomers are asked for."""

    token: bool = False
    terms: bool = False
    email: Literal["no", "may", "must"] = "no"
    """Whether they prove an address: they cannot, they may, or they have to."""


def registration_flows(entry: Entry) -> Flows:
    """What a newcomer goes through.  Spec: client-server-api#dummy-auth"""
    asked: Flow = tuple(
        stage for stage, is_asked in ((REGISTRATION_TOKEN, entry.token), (TERMS, entry.terms)) if is_asked
    )
    if entry.email == "must":
        return ((*asked, EMAIL_IDENTITY),)
    if entry.email == "may":
        # The dummy keeps the shorter flow from being the beginning of the longer, which nobody would come to then.
        return ((*asked, DUMMY), (*asked, EMAIL_IDENTITY))
    return (asked or (DUMMY,),)


def parse_device_id(text: object) -> DeviceID:
    """A device ID that a client chose: any text that fits a key.  Raises Malformed."""
    if not isinstance(text, str) or not text or "\0" in text or len(text.encode("utf-8", "replace")) > ID_BYTES_MAX:
        raise Malformed(f"A device ID is a text of 1 to {ID_BYTES_MAX} bytes.", "device_id", "M_INVALID_PARAM")
    return DeviceID(text)


def parse_device_name(text: object) -> str | None:
    """What a device is called; None when it has no name.  Raises Malformed."""
    if text is None:
        return None
    if not isinstance(text, str) or "\0" in text:
        raise Malformed("The name of a device is a text.", "display_name")
    if len(text) > DISPLAY_NAME_CHARACTERS_MAX:
        raise Malformed(
            f"The name of a device has at most {DISPLAY_NAME_CHARACTERS_MAX} characters.",
            "display_name",
            "M_INVALID_PARAM",
        )
    return text


def parse_password(text: object, path: str = "password") -> str:
    """A password that can be hashed at all; what a good one is says the server's policy.  Raises Malformed."""
    if not isinstance(text, str):
        raise Malformed("A password is a text.", path)
    if len(text) > PASSWORD_CHARACTERS_MAX:
        raise Malformed(f"A password has at most {PASSWORD_CHARACTERS_MAX} characters.", path, "M_INVALID_PARAM")
    return text
