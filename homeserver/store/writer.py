"""
The one writing connection of a process: runs a batch of writes in one transaction.

The batch runs at first as if nothing could fail.  When something does, it is rolled back and run again with a savepoint
before each write, so that only the guilty fail.  Either way the order is that in which the writes were asked for.
"""

import math
import time
from collections.abc import Callable, Sequence
from contextvars import Context
from typing import Any

from attrs import define, frozen
from sqlalchemy import Connection, bindparam, select

from homeserver.core.log import LogEntry
from homeserver.store.connections import (
    Kind,
    Locked,
    cause_of,
    driver_of,
    is_driver_failure,
    is_duplicate,
    is_spoiled,
)
from homeserver.store.failures import Duplicate, OutcomeUnknown, Unavailable
from homeserver.store.prepared import Prepared
from homeserver.store.schema.log import log, log_head
from homeserver.store.write import Write, entries_of

_SPOILED_MAX = 5
_LOCKED_WAIT_SECONDS = 0.005
_RECONNECT_WAIT_SECONDS = 0.1

_HEAD = Prepared(select(log_head.c.position))
_MISSED = Prepared(
    select(log.c.position, log.c.kind, log.c.subject, log.c.ref)
    .where(log.c.position > bindparam("after"), log.c.position <= bindparam("upto"))
    .order_by(log.c.position)
)


@frozen
class Call:
    """One write that was asked for."""

    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    context: Context

    def run(self, tx: Write) -> Any:
        return self.context.run(self.function, tx, *self.args, **self.kwargs)


@frozen
class Succeeded:
    """A write did what it should, and returned *value*."""

    value: Any


@frozen
class Failed:
    """A write raised *error*; nothing of it is kept."""

    error: Exception


@define
class Batch:
    """What became of some writes."""

    answers: list[Succeeded | Failed]
    """One for each call that was begun, in order."""
    entries: tuple[LogEntry, ...]
    missed: tuple[LogEntry, ...]
    """What other processes wrote before."""
    head: int
    """The position of the newest entry there is after it."""
    transaction: str
    """Its name, while it waits for its commit; ``CLOSED`` when nothing is left to commit."""


CLOSED = "closed"


class _Spoiled(Exception):
    """Nothing was written, and the same may be tried again."""


class Writer:
    """Not for two threads at once; which thread it is does not matter."""

    def __init__(self, kind: Kind, patience_seconds: float) -> None:
        self._kind = kind
        self._patience_seconds = patience_seconds
        self._connection: Connection | None = kind.connect(writing=True)
        self.head: int = _HEAD.scalar(self._connection)
        """Up to here, the changes of other processes have been told, or were there at the start."""

    def start(self, calls: Sequence[Call], until: float) -> Batch:
        """
        The first of *calls*, as many as could begin before *until* (of ``time.monotonic``) and at least one, have run
        and wait for ``commit``.  Raises Locked at once when another process writes.
        """
        connection = self._open()
        head, transaction = self._kind.begin_write(connection)
        return self._run(connection, calls, head, transaction, until)

    def commit(self, batch: Batch) -> None:
        """What ``start`` began is durable.  Raises Unavailable."""
        if batch.transaction == CLOSED:
            # Nothing was written; what other processes wrote is told all the same, and once.
            self.head = batch.head
            return
        try:
            self._end("COMMIT")
        except Exception as error:
            self._roll_back()
            raise Unavailable(f"The database cannot write: {cause_of(error)}") from error
        self.head = batch.head

    def perform(self, calls: Sequence[Call]) -> Batch:
        """
        *calls* have run and are durable; a broken connection is made anew, for as long as patience lasts.

        Blocks.  Raises Unavailable, OutcomeUnknown.
        """
        deadline = time.monotonic() + self._patience_seconds
        attempts = 0
        while True:
            attempts += 1
            try:
                batch = self._attempt(calls, deadline)
            except (_Spoiled, Locked) as error:
                if attempts == _SPOILED_MAX:
                    raise Unavailable("The database refuses to write, again and again.") from error
            else:
                self.head = batch.head
                return batch

    def close(self) -> None:
        """The connection is closed, and the database left tidy."""
        if self._connection is not None:
            self._kind.close_last(self._connection)
            self._drop()

    def _attempt(self, calls: Sequence[Call], deadline: float) -> Batch:
        connection = self._open_patiently(deadline)
        try:
            head, transaction = self._begin_patiently(connection, deadline)
        except Exception as error:
            if is_driver_failure(error) and self._kind.is_lost(connection) and not self._kind.inline:
                self._drop()
                raise _Spoiled from error
            raise
        batch = self._run(connection, calls, head, transaction)
        if batch.transaction == CLOSED:
            return batch
        try:
            self._end("COMMIT")
        except Exception as error:
            self._after_failed_commit(batch, error, deadline)
        return batch

    def _after_failed_commit(self, batch: Batch, error: Exception, deadline: float) -> None:
        """The batch was committed after all.  Raises _Spoiled when it was not, OutcomeUnknown when nobody can tell."""
        if self._kind.inline or self._connection is None or not self._kind.is_lost(self._connection):
            self._roll_back()
            if is_spoiled(error):
                raise _Spoiled from error
            raise Unavailable(f"The database cannot write: {cause_of(error)}") from error
        self._drop()
        try:
            connection = self._open_patiently(deadline)
            committed = self._kind.blocking(lambda: self._kind.outcome(connection, batch.transaction))
        except Exception as silence:
            raise OutcomeUnknown("The connection broke during a commit.") from silence
        if not committed:
            raise _Spoiled from error

    def _run(
        self,
        connection: Connection,
        calls: Sequence[Call],
        head: int,
        transaction: str,
        until: float = math.inf,
    ) -> Batch:
        """
        A batch that is complete but for its commit; the transaction is open.  Raises _Spoiled, Locked, Unavailable.
        """
        try:
            missed = self._missed(connection, head)
            tx = Write(connection, head)
            try:
                answers = _each(calls, lambda call: Succeeded(call.run(tx)), until)
                tx.finish()
            except Exception as error:
                self._check_alive(connection, error)
                self._roll_back()
                if len(calls) == 1:
                    return Batch([Failed(_translated(error))], (), missed, head, CLOSED)
                head, transaction = self._kind.begin_write(connection)
                missed = self._missed(connection, head)
                again = Write(connection, head)
                answers = _each(calls, lambda call: self._run_alone(connection, call, again), until)
                again.finish()
                tx = again
        except (_Spoiled, Locked, Unavailable):
            raise
        except Exception as error:
            self._check_alive(connection, error)
            self._roll_back()
            raise
        return Batch(answers, tuple(tx.entries), missed, tx.position, transaction)

    def _missed(self, connection: Connection, head: int) -> tuple[LogEntry, ...]:
        return entries_of(_MISSED.all(connection, after=self.head, upto=head)) if head > self.head else ()

    def _run_alone(self, connection: Connection, call: Call, tx: Write) -> Succeeded | Failed:
        entries = len(tx.entries)
        _execute(connection, "SAVEPOINT one_write")
        try:
            value = call.run(tx)
            tx.flush()
        except Exception as error:
            self._check_alive(connection, error)
            tx.forget_since(entries)
            _execute(connection, "ROLLBACK TO SAVEPOINT one_write")
            answer: Succeeded | Failed = Failed(_translated(error))
        else:
            answer = Succeeded(value)
        _execute(connection, "RELEASE SAVEPOINT one_write")
        return answer

    def _check_alive(self, connection: Connection, error: Exception) -> None:
        """Raises what concerns the whole batch: _Spoiled where it may be tried again, Unavailable where not."""
        if self._kind.is_lost(connection):
            if self._kind.inline:
                raise Unavailable(f"The database cannot write: {cause_of(error)}") from error
            self._drop()
            raise _Spoiled from error
        if is_spoiled(error):
            self._roll_back()
            raise _Spoiled from error

    def _open(self) -> Connection:
        if self._connection is None:
            self._connection = self._kind.connect(writing=True)
        return self._connection

    def _open_patiently(self, deadline: float) -> Connection:
        return self._connection or self._kind.blocking(lambda: self._connect_patiently(deadline))

    def _connect_patiently(self, deadline: float) -> Connection:
        while True:
            try:
                return self._open()
            except Exception as error:
                if not is_driver_failure(error):
                    raise
                if time.monotonic() > deadline:
                    raise Unavailable(f"The database cannot be reached: {cause_of(error)}") from error
            time.sleep(_RECONNECT_WAIT_SECONDS)

    def _begin_patiently(self, connection: Connection, deadline: float | None = None) -> tuple[int, str]:
        deadline = time.monotonic() + self._patience_seconds if deadline is None else deadline
        while True:
            try:
                return self._kind.begin_write(connection)
            except Locked as error:
                if time.monotonic() > deadline:
                    raise Unavailable("Another process has locked the database.") from error
            time.sleep(_LOCKED_WAIT_SECONDS)

    def _end(self, statement: str) -> None:
        assert self._connection is not None, "a transaction ends on the connection it began on"
        _execute(self._connection, statement)

    def _roll_back(self) -> None:
        if self._connection is None:
            return
        try:
            if not self._kind.is_lost(self._connection):
                self._end("ROLLBACK")
        except Exception:
            self._drop()

    def _drop(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.invalidate()
            connection.close()


def _each(calls: Sequence[Call], run: Callable[[Call], Succeeded | Failed], until: float) -> list[Succeeded | Failed]:
    answers = []
    for call in calls:
        answers.append(run(call))
        if time.monotonic() > until:
            break
    return answers


def _execute(connection: Connection, statement: str) -> None:
    cursor = driver_of(connection).cursor()
    cursor.execute(statement)
    cursor.close()


def _translated(error: Exception) -> Exception:
    if not is_duplicate(error):
        return error
    duplicate = Duplicate(str(cause_of(error)))
    duplicate.__cause__ = error
    return duplicate
