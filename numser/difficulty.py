"""How hard an utterance is, judged by how many people agreed on its emotion.

The paper's idea (§3.3, §4.1): what is hard for people is hard for the network too, and should be learnt with
more care. The focal loss takes one exponent λ per utterance: 0 leaves its loss alone; the larger λ, the less
the utterance counts once the network knows it.
"""

from collections.abc import Sequence

import numpy as np

THRESHOLD = 0.65  # the share of votes from which an utterance is medium rather than hard; the paper's

# Corpora that need another one. Only what 80 % of 20 listeners had recognised came into Emo-DB, so nothing there
# is below 0.65; 0.875 splits what not all recognised.
THRESHOLDS = {"emodb": 0.875}


def level(votes: float | None, threshold: float = THRESHOLD) -> str:
    """Difficulty of an utterance: "A" easy, "B" medium, "C" hard.                  Paper §4.1, Fig. 3

        A: votes = 1        B: threshold ≤ votes < 1        C: votes < threshold

    Without votes (None) nothing is known, and the utterance counts as A: its loss stays the plain one.

    Units       votes: share of the votes that went to the label, 0 to 1
    Raises      ValueError: votes outside 0 to 1
    Deviation   the paper has levels for IEMOCAP alone, since "each sample in Emo-DB has only one annotation";
                but 20 or 21 listeners judged each sample in Emo-DB's perception test, and we use their votes
    """
    if votes is None:
        return "A"
    if not 0 <= votes <= 1:
        raise ValueError(f"votes: should be a share from 0 to 1, found {votes}")
    if votes == 1:
        return "A"
    return "B" if votes >= threshold else "C"


def focal_exponents(levels: Sequence[str], b: float = 1.0, c: float = 2.0) -> np.ndarray:
    """The focal loss's exponent λ for each utterance; easy ones have 0.           Paper §4.3, Table 3

    Shapes      levels: B of "A", "B", "C"   λ (B,) float32
    Raises      ValueError: another level; an exponent that is negative or not finite
    """
    exponents = {"A": 0.0, "B": b, "C": c}
    for name, exponent in exponents.items():
        if not 0 <= exponent < np.inf:
            raise ValueError(f"{name.lower()}: should be finite and not negative, found {exponent}")
    if strange := set(levels) - set(exponents):
        raise ValueError(f"levels: should be A, B or C, found {', '.join(sorted(map(str, strange)))}")
    return np.array([exponents[l] for l in levels], np.float32)
