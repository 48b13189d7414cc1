"""
Annotations, such as reactions: nobody says the same of an event twice.

Spec: client-server-api#avoiding-duplicate-annotations
"""

from attrs import frozen

from homeserver.core.canonical import JSONObject
from homeserver.core.identifiers import UserID
from homeserver.core.relations import ANNOTATION, relation_of
from homeserver.core.timeline import TimelineEvent
from homeserver.services.refusals import DuplicateAnnotation
from homeserver.store import relations
from homeserver.store.relations import Annotation
from homeserver.store.write import Write


@frozen
class AnnotationOnce:
    """Keeps a second event out that would say *annotation*."""

    annotation: Annotation

    def __call__(self, tx: Write, room_nid: int, entry: TimelineEvent) -> None:
        """Raises DuplicateAnnotation, which undoes the event."""
        if relations.is_said(tx.connection, self.annotation, entry.nid):
            raise DuplicateAnnotation


def annotation_of(sender: UserID, event_type: str, content: JSONObject) -> Annotation | None:
    """What the message says of another event in a word; None when it is no annotation."""
    relation = relation_of(content)
    if relation is None or relation.rel_type != ANNOTATION or relation.key is None:
        return None
    return Annotation(relation.event_id, event_type, sender, relation.key)
