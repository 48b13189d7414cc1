"""What holds for all tests."""

from hypothesis import settings

# Many share the machine's few cores: how long one example takes says nothing about the code.
settings.register_profile("folkmoot", deadline=None)
settings.load_profile("folkmoot")
