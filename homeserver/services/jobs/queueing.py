"""Jobs that are queued together with what makes them necessary."""

from homeserver.core.canonical import JSONObject
from homeserver.core.log import JOB
from homeserver.store import jobs
from homeserver.store.write import Write


def queue(tx: Write, kind: str, subject: str, parameters: JSONObject, now_ms: int) -> None:
    """
    A job of this kind and subject is under way, or will be.

    One that is under way may have passed by what this is about: the kind sees to it when the job ends.
    """
    if jobs.active(tx.connection, kind, subject) is None:
        jobs.insert_job(tx, kind, subject, parameters, None, now_ms)
        tx.log(JOB, "")
