"""What entry points show: the shapes of answers, and how they are made from values.

Touches: nothing.

One set for the HTTP API and the command line, so that `--json` and `data` are the same. Money
is a Decimal here and a JSON number on the wire; instants are ISO 8601 in UTC with Z.
"""
