"""How far listeners agreed on Emo-DB: recordings by emotion and share of votes, for the lesson on losses.

    python benchmarks/votes.py path/to/emodb

The folder holds wav/ and erkennung.txt. Written is results/emodb_votes.csv.
"""

import sys
from collections import Counter
from pathlib import Path

from measure import RESULTS

from numser.cli import run
from numser.corpora.emodb import load
from numser.files import write_csv


def main() -> None:
    """Count, write, say what was found."""
    corpus = load(Path(sys.argv[1]))
    counts = Counter((u.label, round(u.votes, 4)) for u in corpus.utterances if u.votes is not None)
    rows = [(label, votes, n) for (label, votes), n in sorted(counts.items())]
    write_csv(RESULTS / "emodb_votes.csv", ("emotion", "votes", "recordings"), rows)
    print(*corpus.findings, sep="\n")


if __name__ == "__main__":
    run(main)
