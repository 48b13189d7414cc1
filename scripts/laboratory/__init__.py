"""Real servers that tests and benchmarks start: Folkmoot, Synapse, PostgreSQL; and clients to drive them.

Never: part of a running homeserver; nothing here is imported by what `folkmoot serve` runs.
"""
