"""Accounts, their keys and their wallets.

Touches: nothing.
"""
