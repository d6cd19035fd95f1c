"""Losses for classes of unequal size and samples of unequal difficulty.        Paper §3.3, Eq. 3–4

For an utterance of class y with logits v, let p_j = exp(v_j) / Σ_k exp(v_k), p = p_y and q = 1 − p.

    weighted cross-entropy   ℓ = −log p                 Eq. 3
    focal                    ℓ = −q^λ log p             Eq. 4, with a λ for each utterance
    of a batch               L = Σ_u w_u ℓ_u / Σ_u w_u

λ = 0 is cross-entropy; a larger λ lets an utterance that is already well classified (q near 0) count less.

Every ℓ depends on the logits through p alone, and dp/dv_j = p (δ_jy − p_j). So one number a loss is needed,
    g = p · dℓ/dp,          dL/dv_j = w g (δ_jy − p_j) / Σ w,
and for the focal loss
    g = q^λ (λ p (log p)/q − 1).
Near p = 1, 1 − p would lose all digits; q is summed from the other classes' probabilities instead, and (log p)/q
goes to −1. Near p = 0, log p comes from the logits and stays finite.
"""

from typing import NamedTuple

import numpy as np

from numser.ragged import check_array


class _Softmax(NamedTuple):
    p: np.ndarray  # (B,) probability of the utterance's class
    q: np.ndarray  # (B,) 1 − p, exact also where it is tiny
    log_p: np.ndarray  # (B,)
    dp_p: np.ndarray  # (B, K) dp/dv_j / p = δ_jy − p_j


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities (B, K) of logits (B, K)."""
    e = np.exp(logits - logits.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def _softmax_of_class(logits: np.ndarray, labels: np.ndarray) -> _Softmax:
    rows = np.arange(len(labels))
    shifted = logits - logits.max(1, keepdims=True)
    e = np.exp(shifted)
    total = e.sum(1)
    others = e.copy()
    others[rows, labels] = 0
    q = others.sum(1) / total
    near_one = q < 0.5
    log_p = np.where(near_one, np.log1p(-np.where(near_one, q, 0)), shifted[rows, labels] - np.log(total))
    dp_p = -others / total[:, None]
    dp_p[rows, labels] = q
    return _Softmax(e[rows, labels] / total, q, log_p, dp_p)


def focal(
    logits: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    lam: np.ndarray,
    total_weight: float | None = None,
) -> tuple[float, np.ndarray]:
    """Focal loss of a batch, and its gradient.        Paper Eq. 4; Lin et al., 2017

    Shapes      logits (B, K)   labels (B,) int   weights (B,)   lam (B,) ≥ 0   gradient (B, K)
    Units       natural logarithm; `total_weight` replaces Σ w where this batch is one part of a larger one
    Raises      ValueError: shapes differ; a label is not in 0 … K−1
    Deviation   the authors' program uses λ_B for class C too; here each utterance has its own λ
    """
    check_array(logits, (len(labels), None), name="logits")
    check_labels(labels, logits.shape[1])
    weights, lam = weights.astype(logits.dtype), lam.astype(logits.dtype)
    check_array(weights, labels.shape, name="weights")
    check_array(lam, labels.shape, name="lam")
    w = weights / logits.dtype.type(weights.sum() if total_weight is None else total_weight)
    s = _softmax_of_class(logits, labels)
    log_p_q = np.divide(s.log_p, s.q, out=np.full_like(s.q, -1), where=s.q > 0)
    g = s.q**lam * (lam * s.p * log_p_q - 1)
    return -(w * s.q**lam * s.log_p).sum(), (w * g)[:, None] * s.dp_p


def cross_entropy(
    logits: np.ndarray, labels: np.ndarray, weights: np.ndarray, total_weight: float | None = None
) -> tuple[float, np.ndarray]:
    """Weighted cross-entropy of a batch, and its gradient: the focal loss with λ = 0.        Paper Eq. 3

    Shapes      logits (B, K)   labels (B,) int   weights (B,)   gradient (B, K)
    Raises      ValueError: shapes differ; a label is not in 0 … K−1
    """
    return focal(logits, labels, weights, np.zeros(len(labels), logits.dtype), total_weight)


def class_weights(labels: np.ndarray, n_classes: int) -> np.ndarray:
    """One weight a class, max(n) / (n_c + 0.5): the rarer the class, the more each utterance counts. (K,)

    Source      paper §3.3 asks for weights in inverse proportion to the class's size in the training set
    """
    counts = np.bincount(labels, minlength=n_classes)
    return counts.max() / (counts + 0.5)


def check_labels(labels: np.ndarray, n_classes: int) -> None:
    """Refuse labels that are no class.

    Raises      ValueError: naming what was found
    """
    if labels.dtype.kind not in "iu" or labels.ndim != 1:
        raise ValueError(f"labels: should be a row of integers, found shape {labels.shape} of {labels.dtype}")
    if len(labels) and not 0 <= labels.min() <= labels.max() < n_classes:
        raise ValueError(f"labels: should lie in 0 … {n_classes - 1}, found {labels.min()} … {labels.max()}")
