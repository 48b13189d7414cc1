"""Settings read from a YAML file and the environment into frozen values.

The types live beside the code that uses them.  Nobody below imports this package.
"""
