"""Which servers are killed and fed what is broken by the default run."""

import os
from typing import Final

SERVERS: Final[tuple[str, ...]] = ()
"""``("folkmoot",)`` as soon as it can play; FOLKMOOT_TEST_CRASH="folkmoot" replaces it for one run."""


def chosen_servers() -> list[str]:
    """Those of this run; with none, pytest says of each test that it was skipped."""
    chosen = os.environ.get("FOLKMOOT_TEST_CRASH")
    return chosen.split(",") if chosen else list(SERVERS)
