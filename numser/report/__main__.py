"""python -m numser.report"""

from numser.cli import run
from numser.report import main

if __name__ == "__main__":
    run(main)
