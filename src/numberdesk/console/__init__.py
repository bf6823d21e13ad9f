"""The console: pages for people, over the endpoints of the API.

Touches: nothing.
"""
