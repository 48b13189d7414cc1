"""The same work against Folkmoot and Synapse, in turn: wall-clock time, CPU seconds, memory and bytes on disk."""
