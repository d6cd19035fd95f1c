"""Checks of lesson 07."""

import numpy as np

from checker import Wrong, exercise, parts, same
from numser import losses


def batches():
    """Logits and labels: few classes and many; logits that overflow, of which p is 0; rows far apart."""
    rng = np.random.default_rng(0)
    for batch, classes, size in ((1, 2, 1), (4, 3, 2), (6, 7, 3), (3, 4, 500)):
        logits = size * rng.standard_normal((batch, classes))
        yield f"with logits of about {size}", logits, rng.integers(classes, size=batch)
    yield "with a true class 1000 below the other", np.array([[1000.0, 0.0], [0.0, 1000.0]]), np.array([1, 0])
    yield "with one row 2000 above the other", np.array([[1000.0, 1001.0], [-1000.0, -1001.0]]), np.array([0, 0])


def compare(found, expected, name, what):
    """Loss and gradient, each by itself."""
    parts(found, name, "loss", "dlogits")
    same(found[0], expected[0], f"the loss {what}")
    same(found[1], expected[1], f"dlogits {what}")


@exercise
def cross_entropy(answer):
    """Against numser's, with weights 1."""
    for what, logits, labels in batches():
        expected = losses.cross_entropy(logits, labels, np.ones(len(labels)))
        compare(answer(logits.copy(), labels.copy()), expected, "cross_entropy", what)


@exercise
def focal(answer):
    """Against numser's; then alone an utterance that is nearly certain, where 1 − p is 0."""
    for what, logits, labels in batches():
        if np.ptp(logits, axis=1).max() > 100:
            continue  # p is 0 there, which exercise 1 has asked for
        lam = np.resize([2.0, 0.0, 1.0, 0.5], len(labels))
        expected = losses.focal(logits, labels, np.ones(len(labels)), lam)
        compare(answer(logits.copy(), labels.copy(), lam.copy()), expected, "focal", what)
    certain, label, lam = np.array([[40.0, 0.0, 1.0]]), np.array([0]), np.array([0.5])
    _, dlogits = losses.focal(certain, label, np.ones(1), lam)
    found = parts(answer(certain.copy(), label.copy(), lam.copy()), "focal", "loss", "dlogits")
    if not np.all(np.isfinite(found[1])):
        raise Wrong("dlogits of an utterance that is nearly certain should be finite; is q 0 there?")
    same(found[1], dlogits, "dlogits of an utterance that is nearly certain")


@exercise
def share_of_votes(answer):
    """Table 1, and others."""
    two = ["Happiness", "Happiness", "Happiness; Excited", "Happiness; Excited"]
    for annotations, label, share in (
        (two, "Happiness", 4 / 6),
        (two, "Excited", 2 / 6),
        (["Anger", "Anger", "Anger"], "Anger", 1.0),
        (["Anger", "Sadness;Anger", "Frustration"], "Anger", 0.5),
        (["Anger", "Other"], "Fear", 0.0),
    ):
        same(answer(list(annotations), label), share, f"share_of_votes({annotations}, {label!r})")


@exercise
def difficulty_of(answer):
    """Both thresholds, and the shares that lie on the edge."""
    for share, threshold, expected in (
        (1.0, 0.65, "A"),
        (20 / 21, 0.65, "B"),
        (4 / 6, 0.65, "B"),
        (0.65, 0.65, "B"),
        (0.5, 0.65, "C"),
        (0.9, 0.875, "B"),
        (0.85, 0.875, "C"),
        (0.0, 0.65, "C"),
    ):
        found = answer(share, threshold)
        if found != expected:
            raise Wrong(f"difficulty_of({share:.3g}, {threshold}) is {found!r}, should be {expected!r}.")
