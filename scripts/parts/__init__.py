"""
The parts of the server, a chapter each: a class whose attributes are the parts that later chapters stand on.

``serve.py`` names the chapters in order; a chapter sees only those before it, as they are its arguments.
"""
