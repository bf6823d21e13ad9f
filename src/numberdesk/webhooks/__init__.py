"""Webhooks: events sent to receivers of customers and operators.

Touches: nothing.
"""
