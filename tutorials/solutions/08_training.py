"""Answers to the exercises of lesson 08: right ones, and wrong ones that the checks catch."""

import numpy as np

from numser import losses
from numser.optim import Adam, clip_global_norm


def adam_step(w, g, m, v, t, lr):
    """Two means, and a step that makes up for their beginning at 0."""
    m = 0.9 * m + 0.1 * g
    v = 0.999 * v + 0.001 * g**2
    rate = lr * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    return w - rate * m / (np.sqrt(v) + 1e-8), m, v


def not_corrected(w, g, m, v, t, lr):
    """The first steps are several times as large as they should be, since v is smaller than m² would be."""
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
    return w - lr * m / (np.sqrt(v) + 1e-8), m, v


def counts_from_zero(w, g, m, v, t, lr):
    """t + 1 for t."""
    return adam_step(w, g, m, v, t + 1, lr)


def no_root(w, g, m, v, t, lr):
    """m / v: large gradients then make small steps."""
    _, m, v = adam_step(w, g, m, v, t, lr)
    rate = lr * (1 - 0.999**t) / (1 - 0.9**t)
    return w - rate * m / (v + 1e-8), m, v


def with_the_old_means(w, g, m, v, t, lr):
    """Moves first, and updates m and v then: the first step goes nowhere."""
    rate = lr * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    w = w - rate * m / (np.sqrt(v) + 1e-8)
    return w, 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2


def in_place(w, g, m, v, t, lr):
    """`*=` and `+=` change what the caller holds."""
    m *= 0.9
    m += 0.1 * g
    return adam_step(w, g, (m - 0.1 * g) / 0.9, v, t, lr)


def clip(grads, limit):
    """One norm, one scale."""
    norm = np.sqrt(sum(np.sum(g**2) for g in grads.values()))
    scale = min(1, limit / norm)
    return {name: g * scale for name, g in grads.items()}, norm


def each_alone(grads, limit):
    """A norm for each tensor: the direction changes."""
    clipped = {name: g * min(1, limit / np.linalg.norm(g)) for name, g in grads.items()}
    return clipped, clip(grads, limit)[1]


def each_entry(grads, limit):
    """np.clip cuts entries off; that turns the direction, too."""
    return {name: np.clip(g, -limit, limit) for name, g in grads.items()}, clip(grads, limit)[1]


def always_to_the_limit(grads, limit):
    """Makes short gradients longer."""
    _, norm = clip(grads, limit)
    return {name: g * limit / norm for name, g in grads.items()}, norm


def norm_afterwards(grads, limit):
    """The norm of what it returns."""
    clipped, norm = clip(grads, limit)
    return clipped, min(norm, limit)


def _loop(layer, params, batches, score, lr, limit, *, forgetful=False, later_on_ties=False, last=False):
    adam, every_loss = Adam(lr), []
    state, best, best_score = adam.init(params), params, -np.inf
    for x, labels in batches:
        logits, cache = layer.forward(params, x)
        loss, dlogits = losses.cross_entropy(logits, labels, np.ones(len(labels)))
        _, grads = layer.backward(params, cache, dlogits)
        grads, _ = clip_global_norm(grads, limit)
        params, state = adam.update(params, grads, adam.init(params) if forgetful else state)
        every_loss.append(loss)
        reached = score(params)
        if reached > best_score or last or (later_on_ties and reached == best_score):
            best, best_score = params, reached
    return best, every_loss


def fit(layer, params, batches, score, lr, limit):
    """Forward, loss, backward, clip, step, score."""
    return _loop(layer, params, batches, score, lr, limit)


def forgets_its_means(layer, params, batches, score, lr, limit):
    """adam.init inside the loop: every step is a first step."""
    return _loop(layer, params, batches, score, lr, limit, forgetful=True)


def keeps_the_later(layer, params, batches, score, lr, limit):
    """>= for >."""
    return _loop(layer, params, batches, score, lr, limit, later_on_ties=True)


def returns_the_last(layer, params, batches, score, lr, limit):
    """The parameters at the end, not the best."""
    return _loop(layer, params, batches, score, lr, limit, last=True)


def does_not_clip(layer, params, batches, score, lr, limit):
    """The limit is not used."""
    return _loop(layer, params, batches, score, lr, np.inf)


WRONG = {
    "adam_step": [not_corrected, counts_from_zero, no_root, with_the_old_means, in_place],
    "clip": [each_alone, each_entry, always_to_the_limit, norm_afterwards],
    "fit": [forgets_its_means, keeps_the_later, returns_the_last, does_not_clip],
}
