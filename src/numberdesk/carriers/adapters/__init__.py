"""One adapter per carrier, over what they share: requests by HTTP, and how carriers write numbers and prices.

Touches: nothing.
"""
