"""
How a client names the user who logs in.

Spec: client-server-api#identifier-types
"""

from collections.abc import Mapping
from typing import Final

from attrs import frozen

from homeserver.core.canonical import JSON
from homeserver.core.identifiers import ServerName, UserID, parse_user_id, server_of
from homeserver.core.mail.addresses import folded_address
from homeserver.core.malformed import Malformed

TEXT_CHARACTERS_MAX: Final = 512


@frozen
class UserName:
    """A user by their ID, or by its localpart alone."""

    user: str

    def user_id(self, server: ServerName) -> UserID | None:
        """The user of *server* whom this names; None when it cannot be one."""
        # New names hold no capitals, so whoever types one means the small letter.
        text = self.user.lower()
        try:
            user_id = parse_user_id(text if text.startswith("@") else f"@{text}:{server}")
        except Malformed:
            return None
        return user_id if server_of(user_id) == server else None


@frozen
class ThirdPartyID:
    """A user by an address that belongs to their account; *medium* is ``email`` or ``msisdn``."""

    medium: str
    address: str


UserIdentifier = UserName | ThirdPartyID


def parse_identifier(body: Mapping[str, JSON]) -> UserIdentifier:
    """
    The user that ``identifier`` names, or the deprecated fields in its place.

    Raises Malformed; with ``M_MISSING_PARAM`` when nobody is named.
    """
    identifier = body.get("identifier")
    if identifier is None:
        return _parse_deprecated(body)
    if not isinstance(identifier, dict):
        raise Malformed("This must be an object.", "identifier")
    match identifier.get("type"):
        case "m.id.user":
            return UserName(_text(identifier, "user", "identifier."))
        case "m.id.thirdparty":
            return _parse_third_party(identifier, "identifier.")
        case "m.id.phone":
            # Digits as they were typed: the canonical form would need the dialling rules of the country.
            digits = "".join(
                character for character in _text(identifier, "phone", "identifier.") if character.isdigit()
            )
            _text(identifier, "country", "identifier.")
            return ThirdPartyID("msisdn", digits)
        case None if "medium" in identifier:
            # The spec's own example of such a login says no type.  Spec: client-server-api#legacy-login
            return _parse_third_party(identifier, "identifier.")
        case None:
            raise Malformed("This says no type.", "identifier.type", "M_MISSING_PARAM")
        case other:
            raise Malformed(f"Users are not identified by {other!r}.", "identifier.type", "M_UNKNOWN")


def _parse_deprecated(body: Mapping[str, JSON]) -> UserIdentifier:
    if body.get("user") is not None:
        return UserName(_text(body, "user", ""))
    if body.get("medium") is not None:
        return _parse_third_party(body, "")
    raise Malformed("It is not said who the user is.", "identifier", "M_MISSING_PARAM")


def _parse_third_party(body: Mapping[str, JSON], path: str) -> ThirdPartyID:
    medium = _text(body, "medium", path)
    return ThirdPartyID(medium, folded_address(medium, _text(body, "address", path)))


def _text(body: Mapping[str, JSON], name: str, path: str) -> str:
    value = body.get(name)
    if value is None:
        raise Malformed("This is required.", path + name, "M_MISSING_PARAM")
    if not isinstance(value, str) or "\0" in value or len(value) > TEXT_CHARACTERS_MAX:
        raise Malformed(f"This is a text of at most {TEXT_CHARACTERS_MAX} characters.", path + name)
    return value
