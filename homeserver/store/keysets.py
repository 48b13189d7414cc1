"""Pages of lists in any order: each goes on after the place where the one before it ended."""

from typing import Any, TypeVar

from sqlalchemy import BindParameter, ColumnElement, Select, and_, bindparam, or_

T = TypeVar("T", bound=tuple[Any, ...])


def page_of(
    statement: Select[T], place: ColumnElement[Any], tie: ColumnElement[Any], *, descending: bool, from_beginning: bool
) -> Select[T]:
    """
    The first ``limit`` rows of *statement* in the order of *place*, and of *tie* where that is the same.

    Unless *from_beginning*: of those behind ``after`` and ``after_tie``.  *place* is never NULL, and no two rows have
    both the same.
    """
    if not from_beginning:
        after: BindParameter[Any] = bindparam("after")
        after_tie: BindParameter[Any] = bindparam("after_tie")
        further, later = (place < after, tie < after_tie) if descending else (place > after, tie > after_tie)
        statement = statement.where(or_(further, and_(place == after, later)))
    order = (place.desc(), tie.desc()) if descending else (place, tie)
    return statement.order_by(*order).limit(bindparam("limit"))
