"""What holds for all tests."""

import structlog
from hypothesis import settings

# Many share the machine's few cores: how long one example takes says nothing about the code.
settings.register_profile("folkmoot", deadline=None)
settings.load_profile("folkmoot")

# Tracebacks as Python writes them: the renderer for terminals takes seconds for one, and draws all that is in memory.
structlog.configure(processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()])
