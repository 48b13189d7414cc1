"""
/sync: what a user's client must know since it last asked.

``section`` says what a section is given and where it writes; the other modules are one section each, and what several
of them need.  ``service`` waits and asks the sections in turn.

Spec: client-server-api#syncing
"""
