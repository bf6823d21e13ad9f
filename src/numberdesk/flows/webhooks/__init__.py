"""Flows of events and webhooks.

Touches: nothing.
"""
