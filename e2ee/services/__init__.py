"""Device lists, key claims and to-device messages: coroutines that gather, decide and act."""
