"""What is for sale: imported, priced, searched.

Touches: nothing.
"""
