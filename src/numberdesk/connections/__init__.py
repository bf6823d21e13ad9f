"""Connections: where calls to rented numbers go, and how their carriers are told.

Touches: nothing.
"""
