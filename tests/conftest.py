"""What holds for all tests."""

import gc
import sys
from functools import wraps
from typing import Any, Final

import pytest
import structlog
from hypothesis import settings
from twisted.trial import util

from homeserver.store.database import Database
from tests.slowness import slow_down
from tests.waiting import open_databases

# Many share the machine's few cores: how long one example takes says nothing about the code.
settings.register_profile("folkmoot", deadline=None)
settings.load_profile("folkmoot")

# Tracebacks as Python writes them: the renderer for terminals takes seconds for one, and draws all that is in memory.
structlog.configure(processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()])

# A test that hangs ends at last; how long one takes that does not is the machine's business.
util.DEFAULT_TIMEOUT_DURATION = 900.0


def _know_databases() -> None:
    """Whatever database is opened from now on, tests can wait until it is at rest."""
    plain = Database.__init__

    @wraps(plain)
    def known(self: Database, *args: Any, **kwargs: Any) -> None:
        plain(self, *args, **kwargs)
        open_databases.add(self)

    Database.__init__ = known  # type: ignore[method-assign]


_know_databases()
slow_down()


_failed: Final[set[str]] = set()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Which tests failed is known until they are over."""
    if report.failed:
        _failed.add(report.nodeid)


def pytest_runtest_logfinish(nodeid: str) -> None:
    """What a failed test left unfinished ends between the tests: the next one is not to find its errors in the log."""
    if nodeid in _failed:
        _failed.discard(nodeid)
        # Where pytest keeps the frames of the failure, and with them whatever was going on.
        for name in ("last_exc", "last_type", "last_value", "last_traceback"):
            vars(sys).pop(name, None)
        gc.collect()
