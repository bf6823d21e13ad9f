"""The checks of the books: `engine` runs them, each other file has those of one subject.

Touches: nothing.

A check reads any table it needs and changes none.
"""
