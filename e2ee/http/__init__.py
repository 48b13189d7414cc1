"""The edge of the encryption chapters, for clients and for servers."""
