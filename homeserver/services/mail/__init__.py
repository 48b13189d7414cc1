"""Mail of the server's own: it proves addresses, tells of logins, and digests what is unread."""
