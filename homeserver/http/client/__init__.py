"""The client-server API, a module for each chapter of the spec: classes whose methods are bound by ``@operation``.

Never: rules, SQL, or anything that a service could decide.
"""
