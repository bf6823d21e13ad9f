"""Accounts at carriers: connected, described, audited; numbers given back.

Touches: nothing.
"""
