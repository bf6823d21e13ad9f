"""Pure rules: money, phone numbers, patterns, life cycles, the purchase decision, errors.

Touches: nothing.
"""
