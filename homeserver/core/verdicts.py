"""Verdicts: what a rule answers.  One event is checked thrice with three consequences, so refusing is a value."""

from typing import Final, Literal

from attrs import frozen


@frozen
class Allowed:
    """The rules let it pass."""

    def __bool__(self) -> Literal[True]:
        return True


@frozen
class Denied:
    """The rules refuse it; *rule* names which, as ``member.join.banned``."""

    rule: str

    def __bool__(self) -> Literal[False]:
        return False


Verdict = Allowed | Denied
ALLOWED: Final = Allowed()
