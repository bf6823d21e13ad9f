"""Purchase attempts and the answers stored under idempotency keys.

Touches: nothing.
"""
