"""Finding words in a room of many messages."""

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from scripts.benchmarks.load import Lane
from scripts.benchmarks.subjects import Figure, Subject, request, send_request_of
from scripts.laboratory.client import MatrixClient
from scripts.laboratory.folkmoot import database_url

SENDERS: Final = 8
SEARCHES: Final = 60
FOUND: Final = 10
WORDS: Final = (
    "amber",
    "birch",
    "cedar",
    "delta",
    "ember",
    "flint",
    "grove",
    "heron",
    "ivory",
    "jetty",
    "knoll",
    "lemon",
    "maple",
    "noble",
    "ocean",
    "pearl",
)
MESSAGES: Final = 2_000
MANY: Final = 100_000
ROOMS: Final = 10
MANY_SEARCHES: Final = 40
KINDS: Final = (
    ("a rare word, the newest first", "zugzwang", "recent"),
    ("a word of four in five, the newest first", "the", "recent"),
    ("a word of four in five, the closest first", "the", "rank"),
)


def measure_search(subject: Subject, messages: int = MESSAGES) -> list[Figure]:
    """A user looks for words, of which each is in a sixteenth of what 8 users said in a room."""
    users = subject.register(SENDERS)
    host, *others = users
    room_id = host.create_room(preset="public_chat")
    subject.drive([_joins(others, room_id)])

    def says(user: MatrixClient, numbers: Sequence[int]) -> Lane:
        for number in numbers:
            text = f"{number} The {WORDS[number % len(WORDS)]} is not what it was, says the quick brown fox."
            yield send_request_of(user, room_id, f"search{number}", text)

    subject.drive([says(user, range(start, messages, SENDERS)) for start, user in enumerate(users)])

    def looks(count: int) -> Lane:
        for number in range(count):
            yield from _look(host, f"the {WORDS[number % len(WORDS)]}", ("recent", "rank")[number % 2])

    # What a server has put off until somebody searches is done.
    subject.drive([looks(1)])
    return subject.measure(f"search over {messages:,} messages", "searches", SEARCHES, [looks(SEARCHES)])


def measure_large_search(subject: Subject) -> list[Figure]:
    """
    A user looks for words among 100,000 messages in 10 rooms.

    Of Folkmoot alone, as the messages are put into its database while it is stopped.
    """
    if subject.kind != "folkmoot":
        return []
    (user,) = subject.register(1)
    room_ids = [user.create_room(preset="private_chat") for _ in range(ROOMS)]
    samples = [user.send(room_id, "first") for room_id in room_ids]
    subject.server.stop()
    command = [sys.executable, "-m", "scripts.benchmarks.search_filling", database_url(subject.server.place)]
    subprocess.run([*command, "--messages", str(MANY), *samples], check=True)
    subject.server.start()
    subject.pin()
    subject.rest()

    def looks(term: str, order: str, count: int) -> Lane:
        for _ in range(count):
            yield from _look(user, term, order)

    figures: list[Figure] = []
    for name, term, order in KINDS:
        subject.drive([looks(term, order, 2)])
        work = f"search over {MANY:,}: {name}"
        figures += subject.measure(work, "searches", MANY_SEARCHES, [looks(term, order, MANY_SEARCHES)])
    return figures


def _look(user: MatrixClient, term: str, order: str) -> Lane:
    """One search, which finds a whole page."""
    wanted = {
        "search_term": term,
        "order_by": order,
        "filter": {"limit": FOUND},
        "event_context": {"before_limit": 1, "after_limit": 1},
    }
    body = {"search_categories": {"room_events": wanted}}
    answer = yield request(user.server, "POST", "/v3/search", body, user.access_token)
    found = json.loads(answer.body)["search_categories"]["room_events"]
    assert len(found["results"]) == FOUND, "there is enough to be found"


def _joins(users: Sequence[MatrixClient], room_id: str) -> Lane:
    for user in users:
        yield request(user.server, "POST", f"/v3/join/{quote(room_id, safe='')}", {}, user.access_token)
