"""python -m numser.reproduce"""

from numser.cli import run
from numser.reproduce import main

if __name__ == "__main__":
    run(main)
