"""Proposals that clients depend on before they are specified: one module each, dropped by deleting its file."""
