"""
Which texts of events are found by their words.

Spec: client-server-api#room_events
"""

from collections.abc import Iterable, Mapping
from enum import IntFlag
from typing import Final

from attrs import frozen

from homeserver.core.canonical import JSON
from homeserver.core.identifiers import EventID
from homeserver.core.relations import REPLACE, relation_of


class SearchKey(IntFlag):
    """Which texts; each kind is of one type of event."""

    BODY = 1
    NAME = 2
    TOPIC = 4


SEARCH_KEYS: Final = {
    "content.body": SearchKey.BODY,
    "content.name": SearchKey.NAME,
    "content.topic": SearchKey.TOPIC,
}
"""As clients name them."""
EVERY_KEY: Final = SearchKey.BODY | SearchKey.NAME | SearchKey.TOPIC
SEARCHABLE_TYPES: Final = ("m.room.message", "m.room.name", "m.room.topic")


@frozen
class SearchText:
    """
    The text by which an event is found.

    *replaces*: it is that of another event, which this one replaces.
    """

    key: SearchKey
    text: str
    replaces: EventID | None = None


def search_text(event_type: str, is_state: bool, content: Mapping[str, JSON]) -> SearchText | None:
    """The text of an event; None: it has none that could be found."""
    if event_type == "m.room.message" and not is_state:
        return _message(content)
    if event_type == "m.room.name" and is_state:
        return _text(SearchKey.NAME, [content.get("name")])
    if event_type == "m.room.topic" and is_state:
        return _text(SearchKey.TOPIC, [content.get("topic"), *_plain_topics(content)])
    return None


def _message(content: Mapping[str, JSON]) -> SearchText | None:
    relation = relation_of(content)
    if relation is None or relation.rel_type != REPLACE:
        return _text(SearchKey.BODY, [content.get("body")])
    # An edit's own body is for clients that know no edits.  Spec: client-server-api#event-replacements
    new_content = content.get("m.new_content")
    body = new_content.get("body") if isinstance(new_content, dict) else None
    return _text(SearchKey.BODY, [body], relation.event_id)


def _plain_topics(content: Mapping[str, JSON]) -> Iterable[JSON]:
    """Spec: client-server-api#mroomtopic"""
    topic = content.get("m.topic")
    representations = topic.get("m.text") if isinstance(topic, dict) else None
    for each in representations if isinstance(representations, list) else ():
        # Without a type it is plain text.
        if isinstance(each, dict) and each.get("mimetype", "text/plain") == "text/plain":
            yield each.get("body")


def _text(key: SearchKey, texts: Iterable[JSON], replaces: EventID | None = None) -> SearchText | None:
    found = dict.fromkeys(text for text in texts if isinstance(text, str) and text)
    return SearchText(key, "\n".join(found), replaces) if found else None
