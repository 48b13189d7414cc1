"""What deletes rooms, wired to the services of a test's server as ``scripts/parts`` wires it."""

import secrets
from collections.abc import Sequence
from typing import Any

from attrs import frozen

from federation.services.room_belongings import FederationBelongings
from homeserver.core.identifiers import RoomID
from homeserver.core.versions import ROOM_VERSIONS
from homeserver.services.aliases import Aliases
from homeserver.services.creating import Creating
from homeserver.services.jobs.service import Jobs
from homeserver.services.jobs.settings import JobSettings
from homeserver.services.member_content import MemberContent
from homeserver.services.room_removal.closed_rooms import ClosedRooms
from homeserver.services.room_removal.deletion import DeletionRequest, RoomDeletion
from homeserver.services.room_removal.evicting import Evicting
from homeserver.services.room_removal.forgetting import Forgetting
from homeserver.store.jobs import StoredJob
from tests.databases import SCHEMAS
from tests.federation.servers import FederatedServer
from tests.waiting import until


@frozen(eq=False)
class Removal:
    """The parts that delete rooms, on one server."""

    server: FederatedServer
    closed: ClosedRooms
    jobs: Jobs
    deletion: RoomDeletion

    async def delete(self, room_id: RoomID, **options: Any) -> StoredJob:
        """The room is deleted; answers the job as it ended."""
        job = await self.deletion.request(DeletionRequest(room_id, **options), None)
        return await self.over(job)

    async def over(self, job: StoredJob) -> StoredJob:
        """The job when it is over."""

        async def is_over() -> bool:
            # Its steps take their time at the disk, whatever the clock says.
            await self.server.database.catch_up()
            return (await self.jobs.by_id(job.nid)).is_over and self.jobs.is_idle

        await until(is_over, "the job is over", clock=self.server.clock)
        return await self.jobs.by_id(job.nid)


async def removal_on(server: FederatedServer, settings: JobSettings | None = None, kind: type[Jobs] = Jobs) -> Removal:
    """They follow the server's log; nothing is done before ``jobs.start``."""
    database, clock, tail = server.database, server.clock, server.tail
    closed = ClosedRooms(database, clock)
    await closed.load()
    tail.follow(closed.follow)
    server.live_rooms.gates.append(closed.require_open)
    forgetting = Forgetting([server.live_rooms, server.known, server.states.resolution, server.typing], [server.known])
    tail.follow(forgetting.follow)
    content = MemberContent(server.name, database)
    aliases = Aliases(server.name, database, server.known, server.live_rooms, server.remote_rooms)
    creating = Creating(server.timeline, server.inviting, aliases, content)
    evicting = Evicting(database, ROOM_VERSIONS["12"], creating, server.joining, server.departing, server.timeline)
    jobs = kind(database, clock, secrets.token_hex(4), settings or JobSettings())
    deletion = RoomDeletion(database, clock, jobs, evicting, [FederationBelongings(database, server.outbox)])
    jobs.add_kind(deletion)
    return Removal(server, closed, jobs, deletion)


TOLD = ("jobs", "closed_rooms")
"""Tables that say on purpose which rooms were deleted, or are closed."""
SAID = ("forgotten", "room_closed")
"""Entries of the log that say so to all processes."""


def everything(tx: Any) -> dict[str, list[str]]:
    """Each row of each table of all packages, as text."""
    found: dict[str, list[str]] = {}
    for schema in SCHEMAS:
        for table in schema.metadata.sorted_tables:
            rows = tx.exec_driver_sql(f'SELECT * FROM "{table.name}"')
            found[table.name] = [" ".join(_text(value) for value in row) for row in rows]
    return found


def rows_with(whole: dict[str, list[str]], names: Sequence[str]) -> list[str]:
    """The rows in which any of *names* occurs, but for those that are to be there."""
    return [
        f"{table}: {row}"
        for table, rows in whole.items()
        if table not in TOLD
        for row in rows
        if any(name in row for name in names) and not (table == "log" and row.split()[1] in SAID)
    ]


def _text(value: object) -> str:
    return bytes(value).decode("utf-8", "replace") if isinstance(value, bytes | memoryview) else str(value)
