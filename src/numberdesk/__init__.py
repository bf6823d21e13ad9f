"""Numberdesk sells and rents phone numbers.

Touches: nothing.
"""

__version__ = "0.1.0"
