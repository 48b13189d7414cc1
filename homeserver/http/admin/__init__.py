"""
The administrators' API: a module a subject, each operation with its hand-written row of facts.

What it takes and answers is described beside it, from the same rows and classes.  May import core, services and the
other modules of http.  **Never:** store, or what clients see.
"""
