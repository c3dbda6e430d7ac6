"""`python -m unmasked`: the command line."""

import sys

from unmasked.command_line import main

if __name__ == "__main__":
    sys.exit(main())
