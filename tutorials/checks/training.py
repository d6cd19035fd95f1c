"""Checks of lesson 08."""

import numpy as np

from checker import Wrong, exercise, parts, same
from numser import losses
from numser.layers import Dense
from numser.optim import Adam, clip_global_norm


@exercise
def adam_step(answer):
    """Five steps in a row against numser's, or Algorithm 1, with gradients of all sizes, one of them always 0."""
    rng = np.random.default_rng(0)
    w, adam = {"w": rng.standard_normal((2, 3))}, Adam(lr=0.01)
    state = adam.init(w)
    for t in range(1, 6):
        g = rng.standard_normal((2, 3)) * [[1000, 1, 1e-3], [1, 0, 1]]
        arguments = [array.copy() for array in (w["w"], g, state.m["w"], state.v["w"])]
        found = answer(*arguments, t, 0.01)
        for name, array, before in zip("wgmv", arguments, (w["w"], g, state.m["w"], state.v["w"]), strict=True):
            if not np.array_equal(array, before):
                raise Wrong(f"It should leave its arguments as they are, and has changed {name}.")
        moved, state = adam.update(w, {"w": g}, state)
        parts(found, "adam_step", "w", "m", "v")
        same(found[1], state.m["w"], f"m after step {t}")
        same(found[2], state.v["w"], f"v after step {t}")
        move, mean = np.asarray(found[0]) - w["w"], state.m["w"] / (1 - 0.9**t)
        algorithm_1 = -0.01 * mean / (np.sqrt(state.v["w"] / (1 - 0.999**t)) + 1e-8)
        if move.shape != mean.shape or not np.allclose(move, algorithm_1, rtol=0, atol=1e-8):
            same(move, moved["w"] - w["w"], f"the move of w in step {t}")
        w = moved


@exercise
def clip(answer):
    """Long, short, and short tensors beside a long one."""
    rng = np.random.default_rng(0)
    for size, limit in ((10.0, 5.0), (0.1, 5.0), (1.0, 0.5)):
        grads = {"a.w": size * rng.standard_normal((3, 2)), "a.b": 0.1 * size * rng.standard_normal(2)}
        expected, length = clip_global_norm(grads, limit)
        found = answer({name: g.copy() for name, g in grads.items()}, limit)
        if not isinstance(parts(found, "clip", "clipped", "norm")[0], dict):
            raise Wrong("clip should return a dict and the norm.")
        if found[0].keys() != expected.keys():
            raise Wrong(f"The names should be {sorted(expected)}, found {sorted(found[0])}.")
        what = f"where the norm is {length:.3g} and the limit {limit:g}"
        same(found[1], length, f"the norm, {what},")
        for name, g in expected.items():
            same(found[0][name], g, f"the gradient of {name}, {what},")


@exercise
def fit(answer):
    """Twelve steps of a small layer against the same loop with numser's pieces."""
    rng = np.random.default_rng(5)
    layer = Dense(3, 3)
    start = layer.init(rng, np.float64)
    batches = [(size * rng.standard_normal((4, 3)), rng.integers(3, size=4)) for size in (1, 9, 1, 1, 4, 1) * 2]
    x, labels = rng.standard_normal((7, 3)), rng.integers(3, size=7)

    def score(params):
        return np.mean(layer.forward(params, x)[0].argmax(1) == labels)

    best, every_loss = _reference(layer, start, batches, score, 0.2, 1.0)
    params = {name: w.copy() for name, w in start.items()}
    given = [(some.copy(), of.copy()) for some, of in batches]
    found = parts(answer(layer, params, given, score, 0.2, 1.0), "fit", "best_params", "every_loss")
    if not isinstance(found[0], dict):
        raise Wrong("fit should return a dict of parameters and a list of losses.")
    same(np.ravel(found[1]), every_loss, "every_loss")
    for name, w in best.items():
        same(found[0].get(name), w, f"the best {name}")


def _reference(layer, params, batches, score, lr, limit):
    adam, every_loss, best, best_score = Adam(lr), [], params, -np.inf
    state = adam.init(params)
    for x, labels in batches:
        logits, cache = layer.forward(params, x)
        loss, dlogits = losses.cross_entropy(logits, labels, np.ones(len(labels)))
        grads, _ = clip_global_norm(layer.backward(params, cache, dlogits)[1], limit)
        params, state = adam.update(params, grads, state)
        every_loss.append(loss)
        if score(params) > best_score:
            best, best_score = params, score(params)
    return best, np.array(every_loss)
