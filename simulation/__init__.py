"""The simulation: the whole service in one thread, with every choice, clock and fault drawn from one seed.

Touches: nothing.
"""
