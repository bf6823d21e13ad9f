"""What the machine gives: settings, database, writer, clock, log.

Touches: nothing.
"""
