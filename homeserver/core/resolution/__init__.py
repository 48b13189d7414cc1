"""
State resolution: the one state that servers make of the states after several branches.

``resolve`` is the door; ``v1`` and ``v2`` (for v2.1 too) are the algorithms, ``auth_chains`` the graph they walk,
``conflict`` what the branches disagree on, ``ordering`` who comes first.  It may run in a thread as it is.
Never: fetching; what is not there is asked for with ``Needs``, and the call repeated.
"""
