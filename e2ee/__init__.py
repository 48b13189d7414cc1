"""What a server does for its clients' end-to-end encryption: it carries keys and ciphertext, and reads neither.

May import homeserver and federation.  Never: Olm or Megolm; a server has no session.
"""
