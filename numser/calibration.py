"""Whether networks are as sure as they should be, and the temperature that makes them so.

Where a network says 0.9 it should be right nine times in ten. Temperature scaling divides all logits by one number T:
above 1 every answer is less sure, below 1 surer, and no answer is another. T is fitted on people that the networks
never heard, by their likelihood; `Recipe.temperature` makes a network with it.

Source      Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks", ICML 2017
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from numser.losses import softmax

if TYPE_CHECKING:
    from numser.runs.result import RunResult

BINS = 10  # of the reliability diagram
_LEAST = 1e-7  # a probability that a result has as 0: it keeps six digits


def calibration(results: Sequence["RunResult"]) -> dict[str, float]:
    """How sure the answers were (`said`, their mean probability), how often they were right, their expected
    calibration error, and the `temperature` with which networks made like these would have said the likeliest.
    """
    p = np.array([u.probabilities for result in results for u in result.utterances])
    truth = np.array([result.labels.index(u.truth) for result in results for u in result.utterances])
    said, right = p.max(1), p.argmax(1) == truth
    temperature = results[0].config.recipe.temperature * fitted_temperature(p, truth)
    return {
        "said": float(said.mean()),
        "right": float(right.mean()),
        "error": reliability(said, right)["error"],
        "temperature": temperature,
    }


def reliability(said: np.ndarray, right: np.ndarray) -> dict[str, Any]:
    """How far stated probabilities can be believed.

        error = Σ_b n_b/n · |share right in b − mean confidence in b|        b: BINS equal parts of 0 to 1

    Shapes      said (n,) the probability of the label that was chosen   right (n,) bool
    Source      Naeini, Cooper, Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", 2015
    """
    part = np.minimum((said * BINS).astype(int), BINS - 1)
    bins = []
    for b in np.unique(part):
        members = part == b
        bins.append(
            {
                "low": b / BINS,
                "high": (b + 1) / BINS,
                "count": int(members.sum()),
                "right": int(right[members].sum()),
                "confidence": float(said[members].mean()),
            }
        )
    gaps = [abs(b["right"] - b["count"] * b["confidence"]) for b in bins]
    return {"bins": bins, "error": float(sum(gaps) / len(right))}


def fitted_temperature(p: np.ndarray, truth: np.ndarray) -> float:
    """The T, 1/20 to 20, for which softmax(log(p) / T) gives the truth the greatest likelihood.

    Shapes      p (B, K) probabilities   truth (B,) int
    """
    from scipy.optimize import minimize_scalar  # late: SciPy is slow to import

    logits, rows = np.log(np.maximum(p, _LEAST)), np.arange(len(p))

    def surprise(log_t: float) -> float:
        return -np.log(np.maximum(softmax(logits / np.exp(log_t))[rows, truth], _LEAST)).mean()

    return float(np.exp(minimize_scalar(surprise, bounds=(-np.log(20), np.log(20)), method="bounded").x))
