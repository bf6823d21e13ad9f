"""What is for sale: inventory, price rules, offers, search.

Touches: nothing.
"""
