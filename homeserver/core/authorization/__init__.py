"""Whether an event may be in a room: the authorization rules of every room version, one module a kind of event.

May import the rest of the core.  ``rules.check_event`` holds an event against a state, ``citations.check_auth_events``
against the events it cites; a signature that the rules ask for is the caller's to check (``required_signatures``).
Never: fetching, storing, or what happens to an event that is denied.
"""
