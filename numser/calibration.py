"""Whether networks are as sure as they should be, and the temperature that makes them so.

Where a network says 0.9 it should be right nine times in ten. Temperature scaling divides all logits by one number T:
above 1 every answer is less sure, below 1 surer, and no answer is another. T is fitted on people that the networks
never heard, by their likelihood; `Recipe.temperature` makes a network with it.

    expected calibration error     Σ_b n_b/n · |right_b − said_b|     over BINS equal parts of what was said, 0 to 1

Source      Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks", ICML 2017
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from numser.losses import softmax

if TYPE_CHECKING:
    from numser.runs.result import RunResult

BINS = 15
_LEAST = 1e-7  # a probability that a result has as 0: it keeps six digits


def calibration(results: Sequence["RunResult"]) -> dict[str, float]:
    """How sure the answers were (`said`, their mean probability), how often they were right, their expected
    calibration error, and the `temperature` with which networks made like these would have said the likeliest.
    """
    p = np.array([u.probabilities for result in results for u in result.utterances])
    truth = np.array([result.labels.index(u.truth) for result in results for u in result.utterances])
    said, right = p.max(1), p.argmax(1) == truth
    temperature = results[0].config.recipe.temperature * fitted_temperature(p, truth)
    error = expected_calibration_error(said, right)
    return {"said": float(said.mean()), "right": float(right.mean()), "error": error, "temperature": temperature}


def expected_calibration_error(said: np.ndarray, right: np.ndarray) -> float:
    """How far apart what was said and how often it was right are, on average over the answers.

    Shapes      said (B,) probabilities of the answers   right (B,) bool
    """
    bins = np.minimum((said * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, right.astype(float) - said, BINS)  # n_b · (right_b − said_b)
    return float(np.abs(gaps).sum() / len(said))


def fitted_temperature(p: np.ndarray, truth: np.ndarray) -> float:
    """The T, 1/20 to 20, for which softmax(log(p) / T) gives the truth the greatest likelihood.

    Shapes      p (B, K) probabilities   truth (B,) int
    """
    from scipy.optimize import minimize_scalar  # late: SciPy is slow to import

    logits, rows = np.log(np.maximum(p, _LEAST)), np.arange(len(p))

    def surprise(log_t: float) -> float:
        return -np.log(np.maximum(softmax(logits / np.exp(log_t))[rows, truth], _LEAST)).mean()

    return float(np.exp(minimize_scalar(surprise, bounds=(-np.log(20), np.log(20)), method="bounded").x))
