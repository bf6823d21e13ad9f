"""The API reference at /docs: pages made from the OpenAPI document, by this process, with nothing of other hosts.

Touches: nothing.
"""
