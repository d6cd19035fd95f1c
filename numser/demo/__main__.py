"""python -m numser.demo"""

from numser.cli import run
from numser.demo import main

if __name__ == "__main__":
    run(main)
