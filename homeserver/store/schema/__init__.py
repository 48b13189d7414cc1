"""The tables, a module a subject; how they came to be what they are is in the migrations beside this folder."""
