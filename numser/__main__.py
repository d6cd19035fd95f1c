"""All commands behind one door.        python -m numser, or numser

`numser train …` is `python -m numser.train …`. A command is imported when it is asked for, and by nobody else.
"""

import sys
from difflib import get_close_matches
from importlib import import_module
from typing import NoReturn

from numser import __version__
from numser.cli import program, run
from numser.errors import InputError

COMMANDS = {
    "train": "train the network on a corpus, and test it",
    "predict": "recognise the emotion in sound files",
    "evaluate": "test a trained model on a corpus",
    "crossval": "train and test once for each fold of a corpus",
    "reproduce": "compute the paper's tables anew, beside the paper's figures",
    "report": "show how a run went, in one HTML file",
    "demo": "serve a page to speak to",
    "export": "write a trained model as an ONNX file",
    "model": "print the network's layers, and what they cost",
    "gradcheck": "prove that all gradients are right",
    "corpora.synthetic": "write the built-in corpus into files",
}
_OPTIONS = ("--help", "--version")


def main(argv: list[str] | None = None) -> int | None:
    """List the commands, or do what one of them does."""
    command, *arguments = (sys.argv[1:] if argv is None else argv) or ["--help"]
    if command in ("-h", "--help"):
        print(_list())
    elif command == "--version":
        print(f"numser {__version__}")
    elif command in COMMANDS:
        module = import_module(f"numser.{command}{'.__main__' if command == 'corpora.synthetic' else ''}")
        return module.main(arguments)
    else:
        near = get_close_matches(command, [*COMMANDS, *_OPTIONS], n=1)
        meant = f"did you mean {near[0]}?" if near else f"{program()} lists them"
        raise InputError(f"{command}: there is no such command; {meant}")
    return 0


def _list() -> str:
    wide = max(map(len, COMMANDS)) + 2
    return "\n".join(
        [
            f"usage: {program()} COMMAND …        COMMAND --help says more, --version which numser this is",
            "",
            *(f"  {name:<{wide}}{what}" for name, what in COMMANDS.items()),
        ]
    )


def script() -> NoReturn:
    """The console command `numser`."""
    run(main)


if __name__ == "__main__":
    script()
