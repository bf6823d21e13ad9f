"""Carriers other than the own pool: accounts at them, one adapter each, and how they are spoken to.

Touches: nothing.
"""
