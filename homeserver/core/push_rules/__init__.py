"""
Push rules: which events notify a user, and how.

``rules`` are the values and their JSON, ``predefined`` the server's own, ``changes`` a user's rules as a whole,
``conditions`` and ``evaluation`` the compiled form that events are held against.

Spec: client-server-api#push-rules
"""
