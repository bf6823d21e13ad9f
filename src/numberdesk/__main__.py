"""`python -m numberdesk` is the command line.

Touches: nothing.
"""

from numberdesk.cli import main

if __name__ == "__main__":
    main()
