"""``folkmoot admin``: the administrators' API on the command line."""
