"""Who did what to whom: each change that an administrator asks for is written down, and stays for a while."""

from typing import Final

import structlog
from attrs import define, evolve, field, frozen, validators

from homeserver.core.canonical import INTEGER_MAX
from homeserver.core.pages import Page, PageRequest, page_of
from homeserver.services.clock import Clock, now_ms
from homeserver.services.housekeeping import Chore
from homeserver.store import admin_actions
from homeserver.store.admin_actions import Action
from homeserver.store.database import Database
from homeserver.store.write import Write

log = structlog.get_logger(__name__)

DETAILS_CHARACTERS_MAX: Final = 4_096

__all__ = ["Action", "Actions", "AdministrationSettings", "forget_actions"]


@frozen
class AdministrationSettings:
    """What administrators do by the admin API."""

    actions_kept_days: float = field(default=730.0, validator=validators.gt(0))
    """How long it stays known who did what to whom."""


@define(eq=False)
class Actions:
    """The record of what administrators did."""

    database: Database
    clock: Clock

    async def record(self, action: Action) -> None:
        """The action is in the log, and remembered; its time is now."""
        action = evolve(action, at_ms=now_ms(self.clock), details=action.details[:DETAILS_CHARACTERS_MAX])
        log.info(
            "administration",
            admin=action.admin,
            operation=action.operation,
            subject=action.subject,
            details=action.details,
            refusal=action.refusal or None,
            ip=action.address,
        )
        await self.database.write(admin_actions.insert_action, action)

    async def page(self, wanted: PageRequest, *, admin: str = "", subject: str = "") -> Page[Action]:
        """What was done, the newest first; by one administrator, or to one subject, unless empty.  Raises Malformed."""
        key = wanted.key(int)
        before = INTEGER_MAX if key is None else int(key[0])
        rows = await self.database.scan(admin_actions.latest, admin, subject, before, wanted.limit + 1)
        total = await self.database.scan(admin_actions.count, admin, subject)
        last = (rows[: wanted.limit][-1][0],) if rows else None
        return page_of([action for _, action in rows], total, wanted.limit, last)


def forget_actions(settings: AdministrationSettings) -> Chore:
    """What was done long ago is forgotten."""

    def chore(tx: Write, now: int) -> bool:
        admin_actions.prune(tx, now - int(settings.actions_kept_days * 86_400_000))
        return False

    return chore
