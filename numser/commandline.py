"""What all command lines share: how they end."""

import os
import sys
from collections.abc import Callable
from typing import NoReturn

from numser.errors import InputError


def run(main: Callable[[], int | None]) -> NoReturn:
    """Call `main` and end the process: a user's mistake is one sentence and exit code 2, not a traceback."""
    try:
        code = main() or 0
        sys.stdout.flush()
    except InputError as mistake:
        print(f"error: {mistake}", file=sys.stderr)
        code = 2
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:  # the reader of our output, such as `head`, has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 141
    sys.exit(code)
