"""All application services are told what happens."""

from collections.abc import Sequence

from attrs import define, field, frozen

from homeserver.core.appservices.registration import Registration
from homeserver.core.log import LogEntry
from homeserver.services.appservices.device_news import DeviceNews
from homeserver.services.appservices.ephemeral import EphemeralGathering
from homeserver.services.appservices.gathering import Gathering, Shown
from homeserver.services.appservices.interest import Interest
from homeserver.services.appservices.queue import Queue, Surroundings
from homeserver.services.ephemeral import EphemeralSerial
from homeserver.services.memberships import Memberships
from homeserver.services.presence import PresenceBoard
from homeserver.services.typing import Typing


@frozen
class Ephemerals:
    """Where what is never stored is kept."""

    typing: Typing
    presence: PresenceBoard
    serial: EphemeralSerial


@define(eq=False)
class Traffic:
    """A queue for each of *registrations* that has a URL; to follow the log's tail.  ``start`` comes first."""

    registrations: Sequence[Registration]
    around: Surroundings
    shown: Shown
    memberships: Memberships
    ephemerals: Ephemerals
    queues: dict[str, Queue] = field(init=False, factory=dict)
    """By the ID of the application service."""
    _interests: list[Interest] = field(init=False, factory=list)

    def __attrs_post_init__(self) -> None:
        for registration in self.registrations:
            if registration.url is not None:
                self.queues[registration.id] = self._queue(registration)
        if any(queue.registration.receive_ephemeral for queue in self.queues.values()):
            self.ephemerals.serial.listeners.append(self._note_ephemeral)

    async def start(self) -> None:
        """What happened while the server was down is sent, and so is what comes."""
        for queue in self.queues.values():
            await queue.start()

    async def stop(self) -> None:
        """Nothing is sent any more."""
        for queue in self.queues.values():
            await queue.stop()

    def follow(self, entries: Sequence[LogEntry]) -> None:
        """The log has grown by *entries*."""
        for interest in self._interests:
            interest.follow(entries)
        for queue in self.queues.values():
            queue.follow(entries)

    def try_now(self, appservice_id: str) -> None:
        """The service shows signs of life."""
        queue = self.queues.get(appservice_id)
        if queue is not None and queue.is_failing:
            queue.try_now()

    def _note_ephemeral(self) -> None:
        for queue in self.queues.values():
            if queue.registration.receive_ephemeral:
                queue.note_ephemeral()

    def _queue(self, registration: Registration) -> Queue:
        around, ephemerals = self.around, self.ephemerals
        interest = Interest(registration, around.database)
        self._interests.append(interest)
        devices = DeviceNews(interest, around.database, around.clock, self.memberships, around.encryption)
        gathering = Gathering(interest, self.shown, devices, around.settings.events_max)
        ephemeral = EphemeralGathering(
            interest, ephemerals.typing, ephemerals.presence, ephemerals.serial, around.clock
        )
        return Queue(registration, around, gathering, ephemeral)
