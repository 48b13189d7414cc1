"""
An address was proved to be one's own.

Spec: client-server-api#email-based-identity--homeserver
"""

from collections.abc import Mapping

from attrs import define

from homeserver.core import interactive_auth as uia
from homeserver.core.canonical import JSON, JSONObject
from homeserver.core.interactive_auth import Attempt
from homeserver.core.mail.validation import Purpose, parse_opaque
from homeserver.core.malformed import Malformed
from homeserver.services.mail.validation import Validation
from homeserver.services.stages.stage import Request

PURPOSES: Mapping[str, Purpose] = {"register": Purpose.REGISTER, "changePassword": Purpose.RESET}
"""What must have been asked for, by operation."""


@define(eq=False)
class EmailIdentity:
    """The proof is the address with its session, which is good for one use."""

    validation: Validation
    name: str = uia.EMAIL_IDENTITY

    def params(self) -> JSONObject | None:
        return None

    async def prove(self, request: Request, attempt: Attempt) -> str:
        """Raises AddressNotProved; Malformed."""
        credentials = attempt.fields.get("threepid_creds")
        if credentials is None:
            raise Malformed("This is required.", "auth.threepid_creds", "M_MISSING_PARAM")
        if not isinstance(credentials, dict):
            raise Malformed("This must be an object.", "auth.threepid_creds")
        sid, secret = _part(credentials, "sid"), _part(credentials, "client_secret")
        return (await self.validation.proven(PURPOSES[request.purpose], sid, secret)).to_text()


def _part(credentials: Mapping[str, JSON], name: str) -> str:
    if name not in credentials:
        raise Malformed("This is required.", f"auth.threepid_creds.{name}", "M_MISSING_PARAM")
    return parse_opaque(credentials[name], f"auth.threepid_creds.{name}")
