"""python -m numser.export"""

from numser.cli import run
from numser.export import main

if __name__ == "__main__":
    run(main)
