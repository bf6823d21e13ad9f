"""Events: facts to be told to customers.

Touches: nothing.
"""
