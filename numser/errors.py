"""The one exception for mistakes of the person who runs numser."""


class InputError(ValueError):
    """Something the user gave cannot be used.

    The message is one sentence: which file or argument, what was found, what to do.
    The command lines print it without a traceback and end with exit code 2.
    """
