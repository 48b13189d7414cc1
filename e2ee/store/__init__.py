"""Tables of keys and to-device messages, and functions that take a transaction."""
