"""What administrators change is written down: whoever serves their requests is asked here what came of each."""

from collections.abc import Awaitable
from typing import Final

from attrs import frozen

from homeserver.core.canonical import JSON, encode_json
from homeserver.core.malformed import Malformed
from homeserver.http.incoming import Incoming
from homeserver.http.rows import Body, Row
from homeserver.services.administration.actions import Action, Actions
from homeserver.services.callers import Caller
from homeserver.services.refusals import Refusal

SECRETS: Final = frozenset({"password", "new_password", "access_token", "auth"})
"""Keys of bodies whose values are nobody's to read."""
HIDDEN: Final = "(hidden)"


@frozen
class Audit:
    """Writes down what was done, and what was refused."""

    actions: Actions

    async def observe(
        self, row: Row, admin: Caller, incoming: Incoming, path_values: tuple[str, ...], doing: Awaitable[object]
    ) -> object:
        """What *doing* answers, once it is written down.  Raises what it raises."""
        try:
            result = await doing
        except (Malformed, Refusal) as error:
            await self._record(row, admin, incoming, path_values, _subject_of(path_values, None), str(error))
            raise
        await self._record(row, admin, incoming, path_values, _subject_of(path_values, result), "")
        return result

    async def _record(
        self, row: Row, admin: Caller, incoming: Incoming, path_values: tuple[str, ...], subject: str, refusal: str
    ) -> None:
        details: dict[str, JSON] = {}
        if path_values[1:]:
            details["path"] = list(path_values[1:])
        if row.body is Body.JSON:
            details["body"] = _without_secrets(_body_of(incoming))
        await self.actions.record(
            Action(
                at_ms=0,
                admin=admin.user_id,
                operation=row.id,
                subject=subject,
                details=encode_json(details).decode() if details else "",
                refusal=refusal,
                address=incoming.client_ip,
            )
        )


def _subject_of(path_values: tuple[str, ...], result: object) -> str:
    """What the path names first; where it names nothing, what was made."""
    if path_values:
        return path_values[0]
    return str(next((getattr(result, name) for name in ("user_id", "token", "room_id") if hasattr(result, name)), ""))


def _body_of(incoming: Incoming) -> JSON:
    try:
        return incoming.json()
    except Malformed:
        return None


def _without_secrets(body: JSON) -> JSON:
    if not isinstance(body, dict):
        return None
    return {key: HIDDEN if key in SECRETS else value for key, value in body.items()}
