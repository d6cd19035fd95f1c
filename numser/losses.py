"""Losses for classes of unequal size, samples of unequal difficulty, and labels that may be wrong.

                                                                            Paper §3.3, Eq. 3–4; §4.3, Table 3

For an utterance of class y with logits v, let p_j = exp(v_j) / Σ_k exp(v_k), p = p_y and q = 1 − p.

    weighted cross-entropy   ℓ = −log p                                     Eq. 3
    focal                    ℓ = −q^λ log p                                 Eq. 4, with a λ for each utterance
    L_q                      ℓ = (1 − p^r) / r                              the paper calls r q; here q is 1 − p
    soft bootstrapping       ℓ = −Σ_j [β δ_jy + (1−β) p_j] log p_j
    of a batch               L = Σ_u w_u ℓ_u / Σ_u w_u

λ = 0 is cross-entropy; a larger λ lets an utterance that is already well classified (q near 0) count less.
L_q and soft bootstrapping trust labels less. L_q gives up on utterances that it gets quite wrong: where p is near 0,
so is its gradient. Soft bootstrapping replaces a part of the label by what the network believes itself.

The first three depend on the logits through p alone, and dp/dv_j = p (δ_jy − p_j). So one number a loss is needed,
    g = p · dℓ/dp,          dL/dv_j = w g (δ_jy − p_j) / Σ w:
    focal    g = q^λ (λ p (log p)/q − 1)
    L_q      g = −p^r
Near p = 1, 1 − p would lose all digits; q is summed from the other classes' probabilities instead, and (log p)/q
goes to −1. log p itself is taken from the logits: it keeps its digits near p = 1, and stays finite near p = 0.

Soft bootstrapping is β times cross-entropy and 1−β times the entropy H = −Σ p_j log p_j of the prediction:
    dℓ/dv_j = −β (δ_jy − p_j) − (1−β) p_j (log p_j + H)
"""

from typing import NamedTuple

import numpy as np

from numser.ragged import check_array


class _Softmax(NamedTuple):
    p: np.ndarray  # (B,) probability of the utterance's class
    q: np.ndarray  # (B,) 1 − p, exact also where it is tiny
    log_p: np.ndarray  # (B,)
    log_all: np.ndarray  # (B, K) log p_j
    dp_p: np.ndarray  # (B, K) dp/dv_j / p = δ_jy − p_j


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities (B, K) of logits (B, K)."""
    e = np.exp(logits - logits.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """log p, exact also where p is near 1: there it is −log(1 + others), and the 1 must not swallow the others."""
    shifted = logits - logits.max(1, keepdims=True)
    others = np.exp(shifted)
    others[np.arange(len(logits)), logits.argmax(1)] = 0
    return shifted - np.log1p(others.sum(1, keepdims=True))


def _softmax_of_class(logits: np.ndarray, labels: np.ndarray) -> _Softmax:
    rows = np.arange(len(labels))
    e = np.exp(logits - logits.max(1, keepdims=True))
    total = e.sum(1)
    others = e.copy()
    others[rows, labels] = 0
    q = others.sum(1) / total
    log_all = log_softmax(logits)
    dp_p = -others / total[:, None]
    dp_p[rows, labels] = q
    return _Softmax(e[rows, labels] / total, q, log_all[rows, labels], log_all, dp_p)


def _prepared(
    logits: np.ndarray, labels: np.ndarray, weights: np.ndarray, total_weight: float | None
) -> tuple[np.ndarray, _Softmax]:
    """Each utterance's share w / Σ w of the loss, and what all losses need of the logits; checks the arguments."""
    check_array(logits, (len(labels), None), name="logits")
    check_labels(labels, logits.shape[1])
    weights = weights.astype(logits.dtype)
    check_array(weights, labels.shape, name="weights")
    w = weights / logits.dtype.type(weights.sum() if total_weight is None else total_weight)
    return w, _softmax_of_class(logits, labels)


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
    w, s = _prepared(logits, labels, weights, total_weight)
    lam = lam.astype(logits.dtype)
    check_array(lam, labels.shape, name="lam")
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


def lq(
    logits: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    exponent: float = 0.7,
    total_weight: float | None = None,
) -> tuple[float, np.ndarray]:
    """L_q loss of a batch, and its gradient.        Paper §4.3; Zhang and Sabuncu, 2018

    Between cross-entropy (exponent → 0) and the mean absolute error (exponent 1).

    Shapes      logits (B, K)   labels (B,) int   weights (B,)   gradient (B, K)
    Units       0 < exponent ≤ 1; `total_weight` as in `focal`
    Raises      ValueError: shapes differ; a label is not in 0 … K−1; the exponent is not in 0 … 1, or 0
    Deviation   the authors' program computes soft bootstrapping under this name; this is the formula
    """
    if not 0 < exponent <= 1:
        raise ValueError(f"exponent: should be above 0 and at most 1, found {exponent}")
    w, s = _prepared(logits, labels, weights, total_weight)
    power = logits.dtype.type(exponent)
    return (w * -np.expm1(power * s.log_p)).sum() / power, (w * -np.exp(power * s.log_p))[:, None] * s.dp_p


def soft_bootstrapping(
    logits: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    beta: float = 0.3,
    total_weight: float | None = None,
) -> tuple[float, np.ndarray]:
    """Soft bootstrapping loss of a batch, and its gradient.        Paper §4.3; Reed et al., 2015

    Shapes      logits (B, K)   labels (B,) int   weights (B,)   gradient (B, K)
    Units       0 ≤ beta ≤ 1, the share of the label; `total_weight` as in `focal`
    Raises      ValueError: shapes differ; a label is not in 0 … K−1; beta is not in 0 … 1
    """
    if not 0 <= beta <= 1:
        raise ValueError(f"beta: should be from 0 to 1, found {beta}")
    w, s = _prepared(logits, labels, weights, total_weight)
    beta = logits.dtype.type(beta)
    p = np.exp(s.log_all)
    p_log_p = np.multiply(p, s.log_all, out=np.zeros_like(p), where=p > 0)  # 0 · log 0 is 0
    entropy = -p_log_p.sum(1)
    loss = (w * ((1 - beta) * entropy - beta * s.log_p)).sum()
    return loss, w[:, None] * (-beta * s.dp_p - (1 - beta) * (p_log_p + p * entropy[:, None]))


def smoothed(
    loss: float,
    dlogits: np.ndarray,
    logits: np.ndarray,
    weights: np.ndarray,
    smoothing: float,
    total_weight: float | None = None,
) -> tuple[float, np.ndarray]:
    """A loss and its gradient with smoothed labels: a small part of each label goes to all classes alike.

        L = (1−s) loss + s Σ_u w_u ℓ_u / Σ_u w_u        ℓ = −Σ_j log p_j / K        dℓ/dv_j = p_j − 1/K

    Nobody can be certain of an emotion. Without it the loss rewards ever larger logits on what is known by heart.

    Shapes      dlogits, logits (B, K)   weights (B,)   gradient (B, K)
    Units       0 ≤ smoothing < 1; `total_weight` as in `focal`
    Source      Szegedy et al., "Rethinking the Inception architecture", 2016
    """
    if smoothing == 0:
        return loss, dlogits
    s, K = logits.dtype.type(smoothing), logits.shape[1]
    rest = logits.dtype.type(1) - s  # 1 - s would be float64 before NumPy 2
    w = (weights / (weights.sum() if total_weight is None else total_weight)).astype(logits.dtype)
    log_all = log_softmax(logits)
    uniform = -(w * log_all.mean(1)).sum()
    return rest * loss + s * uniform, rest * dlogits + s * w[:, None] * (np.exp(log_all) - logits.dtype.type(1 / K))


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
