"""Money: wallets, transfers, holds.

Touches: nothing.
"""
