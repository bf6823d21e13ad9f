"""Papers: what carriers approved for accounts.

Touches: nothing.
"""
