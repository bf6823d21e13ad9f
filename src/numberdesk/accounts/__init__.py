"""Accounts and their API keys.

Touches: nothing.
"""
