"""The HTTP server, and what bounds a connection: time, size, and well-formed heads.

Touches: nothing.
"""
