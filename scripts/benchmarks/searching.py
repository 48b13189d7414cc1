"""Finding words in a room of many messages."""

import json
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from scripts.benchmarks.load import Lane
from scripts.benchmarks.subjects import Figure, Subject, request, send_request_of
from scripts.laboratory.client import MatrixClient

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
            wanted = {
                "search_term": f"the {WORDS[number % len(WORDS)]}",
                "order_by": ("recent", "rank")[number % 2],
                "filter": {"limit": FOUND},
                "event_context": {"before_limit": 1, "after_limit": 1},
            }
            body = {"search_categories": {"room_events": wanted}}
            answer = yield request(subject.server, "POST", "/v3/search", body, host.access_token)
            found = json.loads(answer.body)["search_categories"]["room_events"]
            assert len(found["results"]) == FOUND, "there is enough to be found"

    # What a server has put off until somebody searches is done.
    subject.drive([looks(1)])
    return subject.measure(f"search over {messages:,} messages", "searches", SEARCHES, [looks(SEARCHES)])


def _joins(users: Sequence[MatrixClient], room_id: str) -> Lane:
    for user in users:
        yield request(user.server, "POST", f"/v3/join/{quote(room_id, safe='')}", {}, user.access_token)
