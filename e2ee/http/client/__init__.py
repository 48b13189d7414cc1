"""Operations of the client-server API, one module a chapter."""
