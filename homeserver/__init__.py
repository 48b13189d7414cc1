"""One organization's server: events, rooms, accounts, sync, push, directory.

May import nothing of the other packages.
Never: the network of servers (federation), devices' keys (e2ee), files (media).
"""
