"""What a server takes: start-up time, resident memory, bytes on disk per event."""

import gc
from collections.abc import Callable

from scripts.benchmarks.load import Lane
from scripts.benchmarks.subjects import Figure, Subject, send_request_of
from scripts.benchmarks.workloads import TEXT
from scripts.laboratory.processes import resident_bytes

STORED_EVENTS = 3000
WRITERS = 8
MEBIBYTE = 1 << 20


def measure_footprint(subject: Subject, storage_bytes: Callable[[], int]) -> list[Figure]:
    """
    Start-up with a database that is there already, memory after 3,000 events, and the bytes those added on disk.

    *subject* runs and is empty; it is stopped at the end.
    """
    users = subject.register(WRITERS)
    room_ids = [user.create_room(preset="private_chat") for user in users]
    subject.server.stop()
    empty = storage_bytes()
    start_up = subject.server.start()
    subject.pin()

    def lane(number: int) -> Lane:
        for serial in range(STORED_EVENTS // WRITERS):
            yield send_request_of(users[number], room_ids[number], f"stored{serial}", f"{serial} {TEXT}")

    subject.drive([lane(number) for number in range(WRITERS)])
    gc.collect()
    resident = resident_bytes(subject.server.pid)
    subject.server.stop()
    events = STORED_EVENTS // WRITERS * WRITERS
    return [
        Figure("start-up", "s", start_up, more_is_better=False),
        Figure("resident memory after 3,000 events", "MiB", resident / MEBIBYTE, more_is_better=False),
        Figure("on disk", "bytes/event", (storage_bytes() - empty) / events, more_is_better=False),
    ]
