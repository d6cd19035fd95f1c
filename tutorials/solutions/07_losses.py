"""Answers to the exercises of lesson 07: right ones, and wrong ones that the checks catch."""

import numpy as np


def cross_entropy(logits, labels):
    """Shift, then ℓ = ln S − v_y and p − δ."""
    rows = np.arange(len(labels))
    shifted = logits - logits.max(axis=1, keepdims=True)
    e = np.exp(shifted)
    total = e.sum(axis=1)
    loss = np.mean(np.log(total) - shifted[rows, labels])
    dlogits = e / total[:, np.newaxis]
    dlogits[rows, labels] -= 1
    return loss, dlogits / len(labels)


def not_shifted(logits, labels):
    """Large logits overflow: infinity over infinity."""
    rows = np.arange(len(labels))
    with np.errstate(all="ignore"):
        p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        loss = -np.mean(np.log(p[rows, labels]))
    p[rows, labels] -= 1
    return loss, p / len(labels)


def sum_of_gradients(logits, labels):
    """The loss is a mean, and the gradient that of the sum."""
    loss, dlogits = cross_entropy(logits, labels)
    return loss, dlogits * len(labels)


def uphill(logits, labels):
    """δ − p: the pull, not the gradient."""
    loss, dlogits = cross_entropy(logits, labels)
    return loss, -dlogits


def largest_of_all(logits, labels):
    """The loss of what the network says, not of the label."""
    return cross_entropy(logits, logits.argmax(axis=1))


def focal(logits, labels, lam):
    """g (δ − p), where q comes from the other classes, and ln p and the true class's δ − p from q."""
    rows = np.arange(len(labels))
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    others = e / e.sum(axis=1, keepdims=True)
    p = others[rows, labels]
    others[rows, labels] = 0
    q = others.sum(axis=1)
    log_p = -np.log1p(q / p)
    g = lam * p * q ** (lam - 1) * log_p - q**lam
    difference = -others
    difference[rows, labels] = q
    return np.mean(-(q**lam) * log_p), g[:, np.newaxis] * difference / len(labels)


def _by_subtraction(logits, labels):
    rows = np.arange(len(labels))
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = e / e.sum(axis=1, keepdims=True)
    delta = np.zeros_like(probabilities)
    delta[rows, labels] = 1
    return probabilities, probabilities[rows, labels], delta


def factor_held_fixed(logits, labels, lam):
    """The factor q^λ treated as a number: its own slope is missing."""
    probabilities, p, delta = _by_subtraction(logits, labels)
    g = -((1 - p) ** lam)
    return focal(logits, labels, lam)[0], g[:, np.newaxis] * (delta - probabilities) / len(labels)


def dp_with_the_wrong_sign(logits, labels, lam):
    """dq/dp = −1 forgotten."""
    probabilities, p, delta = _by_subtraction(logits, labels)
    q = 1 - p
    g = -lam * p * q ** (lam - 1) * np.log(p) - q**lam
    return focal(logits, labels, lam)[0], g[:, np.newaxis] * (delta - probabilities) / len(labels)


def one_minus_p(logits, labels, lam):
    """Right on paper; but near certainty 1 − p is 0."""
    probabilities, p, delta = _by_subtraction(logits, labels)
    q = 1 - p
    g = lam * p * q ** (lam - 1) * np.log(p) - q**lam
    return np.mean(-(q**lam) * np.log(p)), g[:, np.newaxis] * (delta - probabilities) / len(labels)


def log_of_one(logits, labels, lam):
    """q has its digits, and ln p, taken from p, is 0 where p is nearly 1."""
    rows = np.arange(len(labels))
    probabilities, p, delta = _by_subtraction(logits, labels)
    others = probabilities.copy()
    others[rows, labels] = 0
    q = others.sum(axis=1)
    g = lam * p * q ** (lam - 1) * np.log(p) - q**lam
    return np.mean(-(q**lam) * np.log(p)), g[:, np.newaxis] * (delta - probabilities) / len(labels)


def one_exponent_for_all(logits, labels, lam):
    """The mean of the λ, not each utterance's own."""
    return focal(logits, labels, np.full(len(lam), lam.mean()))


def share_of_votes(annotations, label):
    """Every word is a vote."""
    words = [word.strip() for annotation in annotations for word in annotation.split(";")]
    return words.count(label) / len(words)


def share_of_annotators(annotations, label):
    """Counts people who said the word: 4 of 4 in Table 1."""
    return sum(label in annotation for annotation in annotations) / len(annotations)


def with_spaces(annotations, label):
    """Words keep the space after the semicolon, and are not recognised."""
    words = ";".join(annotations).split(";")
    return words.count(label) / len(words)


def difficulty_of(share, threshold):
    """A only if all agreed."""
    if share == 1:
        return "A"
    return "B" if share >= threshold else "C"


def above_the_threshold(share, threshold):
    """A share on the threshold is medium."""
    return "A" if share == 1 else "B" if share > threshold else "C"


def nearly_all_is_all(share, threshold):
    """20 of 21 is not all."""
    return "A" if share > 0.95 else difficulty_of(share, threshold)


def always_the_papers(share, threshold):
    """Emo-DB has a threshold of its own."""
    return difficulty_of(share, 0.65)


WRONG = {
    "cross_entropy": [not_shifted, sum_of_gradients, uphill, largest_of_all],
    "focal": [factor_held_fixed, dp_with_the_wrong_sign, one_minus_p, log_of_one, one_exponent_for_all],
    "share_of_votes": [share_of_annotators, with_spaces],
    "difficulty_of": [above_the_threshold, nearly_all_is_all, always_the_papers],
}
