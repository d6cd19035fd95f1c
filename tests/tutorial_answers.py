"""More than 200 answers to the lessons' exercises, and what their checks should say of each.

Those of `tutorials/solutions/` come on top. Three kinds stand here: BY_HAND, among them every answer that a check has
once judged wrongly; `of_function`, what can happen to any function's answer; and `of_layer`, the same for a layer.
"""

import inspect
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from conftest import PROJECT

sys.path.insert(0, str(PROJECT / "tutorials"))

import checker
from numser import layers
from numser.model import SeparableSER
from numser.ragged import Ragged, offsets_of

SOLVED = {a.exercise: a for a in checker.answers() if a.is_solution}


class Expected(NamedTuple):
    """An answer; whether its check should find it right, None for not solved; and words that it should say."""

    name: str
    answer: Any
    right: bool | None
    said: str = ""


def expected(exercise: str) -> Iterator[Expected]:
    """All answers to an exercise."""
    solution = SOLVED[exercise].answer if exercise != "ua_interval" else interval_where(np.nan)  # which is quicker
    yield from BY_HAND.get(exercise, [])
    if isinstance(solution, type):
        yield from of_layer(solution)
    else:
        yield from of_function(exercise, solution)


def each(value: Any, change: Callable[[Any], Any]) -> Any:
    """Every number and array in a result, changed."""
    if isinstance(value, dict):
        return {key: each(one, change) for key, one in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(each(one, change) for one in value)
    return value if value is None or isinstance(value, str) else change(value)


def lists(value: Any) -> Any:
    """A result whose tuples and arrays are lists."""
    value = list(map(lists, value)) if isinstance(value, tuple | list) else value
    return each(value, lambda v: np.asarray(v).tolist())


def fails(*_):
    raise NotImplementedError


def of_function(exercise: str, solution: Callable) -> Iterator[Expected]:
    """A function's solution whose result comes in another form, is a little off, or is none."""

    def changed(name, change, right):
        return Expected(name, lambda *arguments: change(solution(*arguments)), right)

    def zeroes(*arguments):
        result = solution(*arguments)
        for argument in arguments:
            if isinstance(argument, np.ndarray):
                argument[...] = 0
        return result

    yield Expected("a stub", fails, None, "not solved yet")
    yield Expected("divides by zero", lambda *_: 1 / 0, False, "ZeroDivisionError")
    yield Expected("nothing returned", lambda *_: None, False)
    if exercise == "four_at_once":  # it returns nothing
        return
    yield changed("lists", lists, True)
    leaves = exercise in ("adam_step", "numeric_gradient")  # whose texts say so
    yield Expected("its arguments changed", zeroes, not leaves, "leave" if leaves else "right")
    if exercise in ("difficulty_of", "level_alone", "leaks"):  # they return texts
        return
    yield changed("an array for each number", lambda r: each(r, lambda v: np.atleast_1d(v)), True)
    yield changed("not a number", lambda r: each(r, lambda v: np.asarray(v) * np.nan), False)
    yield changed("a few hundredths off", lambda r: each(r, lambda v: np.asarray(v) * 1.06), False)


def of_layer(solution: type) -> Iterator[Expected]:
    """A layer's solution with something changed in one of its methods."""
    forward, backward = solution.forward, solution.backward

    def layer(name, right, said="", **methods):
        return Expected(name, type(solution.__name__, (solution,), methods), right, said)

    def on_forward(change):
        return lambda self, params, x: change(x, *forward(self, params, x))

    def on_backward(change):
        return lambda self, params, cache, dy: change(dy, *backward(self, params, cache, dy))

    def spoils(x, *result):
        x[...] = 7
        return result

    yield layer("both stubs", None, "not solved yet", forward=fails, backward=fails)
    yield layer("a stub backward", None, "forward is right, backward is not solved yet", backward=fails)
    yield layer(
        "a wrong forward, and a stub", False, forward=on_forward(lambda x, y, c: (y * 1.01, c)), backward=fails
    )
    yield layer("y without a cache", False, "forward should return", forward=on_forward(lambda x, y, c: y))
    yield layer(
        "lists", True,
        forward=on_forward(lambda x, y, c: [lists(y), c]), backward=on_backward(lambda dy, *g: lists(g)),
    )  # fmt: skip
    yield layer("changes x", False, "has changed x", forward=lambda s, p, x: spoils(x, *forward(s, p, x.copy())))
    yield layer("changes dy", False, "has changed dy", backward=on_backward(spoils))
    yield layer("dx alone", False, backward=on_backward(lambda dy, dx, g: dx))
    yield layer("dx summed", False, "shape of dx", backward=on_backward(lambda dy, dx, g: (dx.sum(0), g)))
    yield layer("dx a little off", False, "dx", backward=on_backward(lambda dy, dx, g: (dx * 1.001, g)))
    yield layer("uphill", False, backward=on_backward(lambda dy, dx, g: (-dx, each(g, lambda v: -v))))

    def one_shape(self, params, x):
        y, cache = forward(self, params, x)
        type(self).first = getattr(type(self), "first", x.shape)
        return (y if x.shape == self.first else np.zeros_like(y)), cache

    yield layer("for one shape", False, forward=one_shape)
    yield Expected("numser's", type("Own", (layers.DepthwiseConv,), {}), False)
    example = solution(*(2 for _ in inspect.signature(solution).parameters))
    for name in example.init(np.random.default_rng(0)):
        for what, change in (("twice", lambda v: 2 * v), ("as a sum", np.sum)):
            yield layer(
                f"d{name} {what}", False, f"d{name}",
                backward=on_backward(lambda dy, dx, g, n=name, c=change: (dx, g | {n: c(g[n])})),
            )  # fmt: skip


def algorithm_1(w, g, m, v, t, lr):
    """Adam as in the paper's algorithm."""
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
    return w - lr * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8), m, v


def epsilon_inside(w, g, m, v, t, lr):
    """ε under the root."""
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
    return w - lr * (m / (1 - 0.9**t)) / np.sqrt(v / (1 - 0.999**t) + 1e-8), m, v


def softmax_of(logits, largest):
    """Probabilities, less the given maximum."""
    e = np.exp(logits - largest)
    return e / e.sum(axis=1, keepdims=True)


def cross_entropy_by(probabilities, logarithm=np.log):
    """A cross-entropy whose loss is −log of a probability."""

    def answer(logits, labels):
        p, rows = probabilities(logits), np.arange(len(labels))
        loss = -np.mean(logarithm(p[rows, labels]))
        p[rows, labels] -= 1
        return loss, p / len(labels)

    return answer


def log_sum_exp(logits, labels):
    """By np.logaddexp, which bears large logits itself."""
    total = np.logaddexp.reduce(logits, axis=1)
    rows = np.arange(len(labels))
    dlogits = np.exp(logits - total[:, np.newaxis])
    dlogits[rows, labels] -= 1
    return np.mean(total - logits[rows, labels]), dlogits / len(labels)


def interval_where(undrawn):
    """The bootstrap, with a rule for classes of which nothing was drawn."""

    def answer(truth, predicted, n_classes, resamples, rng):
        drawn = rng.integers(len(truth), size=(resamples, len(truth)))
        t, right, shares = truth[drawn], (truth == predicted)[drawn], []
        for k in range(n_classes):
            n = (t == k).sum(axis=1)
            hits = ((t == k) & right).sum(axis=1)
            shares.append(np.where(n > 0, hits / np.maximum(n, 1), undrawn))
        return np.percentile(np.nanmean(shares, axis=0), [2.5, 97.5])

    return answer


class ByNumser:
    """Hands the work to numser's layer."""

    def __init__(self, channels):
        self.inner = layers.DepthwiseConv(channels)

    def forward(self, params, x):
        y, cache = self.inner.forward(params, Ragged(x, offsets_of([len(x)])))
        return y.data, cache

    def backward(self, params, cache, dy):
        return self.inner.backward(params, cache, dy)


def by_numsers_kernels(params, x):
    """Imports the kernel where it is used."""
    from numser.layers.depthwise import depthwise_forward

    y = np.empty_like(x)
    depthwise_forward(x, offsets_of([len(x)]), params["w"], y)
    return y, x


class ByKernels(SOLVED["MyDepthwise"].answer):
    """The same through a function of its own."""

    def forward(self, params, x):
        return by_numsers_kernels(params, x)


class OfTwoUnits(SOLVED["MyGRU"].answer):
    """A GRU that was written for H = 2."""

    def __init__(self, inputs, units):
        super().__init__(inputs, 2)


class FourByFive(SOLVED["MyDepthwise"].answer):
    """A filter that was written for 4 frames of 5 frequencies: others see what lies there."""

    def forward(self, params, x):
        return super().forward(params, np.resize(x, (4, 5, x.shape[2])))


def first_order(f, w, eps):
    """One-sided, with a step that is small."""
    g = np.zeros_like(w)
    for i in np.ndindex(w.shape):
        moved = w.copy()
        moved[i] += eps / 100
        g[i] = (f(moved) - f(w)) / (eps / 100)
    return g


def by_matrix(x, w, dy):
    """A convolution's gradients as matrix products."""
    feeds = np.array([[w[s - 2 * t] if 0 <= s - 2 * t < 3 else 0 for s in range(len(x))] for t in range(len(dy))])
    windows = np.array([x[2 * t : 2 * t + 3] for t in range(len(dy))])
    return [dy @ feeds, dy @ windows, dy.sum(keepdims=True)]


def focal_by(q_of):
    """The focal loss, with 1 − p from a function of the probabilities and the labels."""

    def answer(logits, labels, lam):
        p, rows = softmax_of(logits, logits.max(axis=1, keepdims=True)), np.arange(len(labels))
        q, true = q_of(p, rows, labels), p[rows, labels]
        log_p = np.log1p(-q)
        g = lam * true * q ** (lam - 1) * log_p - q**lam
        delta = -p
        delta[rows, labels] = q
        return -np.mean(q**lam * log_p), g[:, np.newaxis] * delta / len(labels)

    return answer


def others_sum(p, rows, labels):
    """1 − p as the sum of the others."""
    p = p.copy()
    p[rows, labels] = 0
    return p.sum(axis=1)


def returns_y(x, w, y):
    """Fills y, and returns it too."""
    SOLVED["four_at_once"].answer(x, w, y)
    return y


def fits(result):
    """A fit that returns something else than it should."""
    return lambda *arguments: result(*SOLVED["fit"].answer(*arguments))


BY_HAND = {
    "power_spectrum": [
        Expected("a complex square", lambda x: (lambda z: z * z.conj())(np.fft.rfft(_windowed(x), 1024)), True),
        Expected(
            "real and imaginary", lambda x: (lambda z: z.real**2 + z.imag**2)(np.fft.rfft(_windowed(x), 1024)), True
        ),
        Expected("all 1024", lambda x: np.abs(np.fft.fft(_windowed(x), 1024)) ** 2, False, "shape"),
        Expected("no window", lambda x: np.abs(np.fft.rfft(x, 1024)) ** 2, False),
    ],
    "decibels": [
        Expected("in place", lambda p: _decibels_in_place(p), True),
        Expected("natural logarithm", lambda p: SOLVED["decibels"].answer(p) * np.log(10) / 10, False),
    ],
    "conv1d_backward": [
        Expected("matrices", by_matrix, True),
        Expected("np.correlate's flip", lambda x, w, dy: by_matrix(x, w[::-1], dy), False, "dx"),
        Expected(
            "a dict", lambda x, w, dy: dict(zip("xwb", by_matrix(x, w, dy), strict=True)), False, "(dx, dw, db)"
        ),
        Expected("two of three", lambda x, w, dy: by_matrix(x, w, dy)[:2], False, "(dx, dw, db)"),
    ],
    "numeric_gradient": [Expected("one-sided, with a step so small that it does not show", first_order, True)],
    "as_standard": [
        Expected("einsum", lambda d, p: np.einsum("ijm,mn->ijmn", d, p), True),
        Expected(
            "loops",
            lambda d, p: [
                [[[d[i, j, m] * v for v in p[m]] for m in range(len(p))] for j in range(3)] for i in range(3)
            ],
            True,
        ),
        Expected("in place", lambda d, p: np.multiply(d[..., None], p), True),
    ],
    "width_for": [
        Expected(
            "a search", lambda k, r: next((n for n in range(1, 2000) if k * k * n >= r * (k * k + n)), None), True
        ),
        Expected("a float", lambda k, r: None if r >= k * k else float(np.ceil(r * k * k / (k * k - r))), True),
        Expected("one too many", lambda k, r: None if r >= k * k else int(r * k * k / (k * k - r)) + 1, False),
        Expected("0 for none", lambda k, r: SOLVED["width_for"].answer(k, r) or 0, False),
    ],
    "MyDepthwise": [
        Expected("numser's layer inside", ByNumser, False, "uses numser's layers"),
        Expected("numser's kernel imported", ByKernels, False, "uses numser's numser.layers.depthwise"),
        Expected("four by five", FourByFive, False),
    ],
    "carry": [
        Expected("halves", lambda d: tuple(map(np.array, _carry(d, 0.5))), True),
        Expected("lists of lists", lambda d: [m.tolist() for m in _carry(d, 3)], True),
        Expected("too narrow", lambda d: (np.eye(d), np.eye(d)), False, "shape"),
    ],
    "MyGRU": [Expected("two units", OfTwoUnits, False)],
    "memory_backward": [
        Expected(
            "dz as a list", lambda *a: (lambda dx, dz: [list(dx), [dz]])(*SOLVED["memory_backward"].answer(*a)), True
        ),
        Expected("dz by step", lambda x, h, z, dy: (SOLVED["memory_backward"].answer(x, h, z, dy)[0], h - x), False),
    ],
    "gru_parameters": [
        Expected("a float", lambda c, h, tied: (2.0 - tied) * 3 * h * (c + h + 1), True),
        Expected("no bias", lambda c, h, tied: (2 - tied) * 3 * h * (c + h), False),
    ],
    "softmax_backward": [
        Expected("the matrix", lambda a, da: (np.diag(a) - np.outer(a, a)) @ da, True),
        Expected("loops", lambda a, da: [a[k] * (da[k] - sum(a * da)) for k in range(len(a))], True),
        Expected("a column", lambda a, da: ((np.diag(a) - np.outer(a, a)) @ da)[:, None], False, "shape"),
    ],
    "cross_entropy": [
        Expected("logaddexp", log_sum_exp, True),
        Expected(
            "−log of softmax", cross_entropy_by(lambda v: softmax_of(v, v.max(1, keepdims=True))), False, "loss"
        ),
        Expected("one maximum for all", cross_entropy_by(lambda v: softmax_of(v, v.max())), False),
        Expected(
            "a small number added",
            cross_entropy_by(lambda v: softmax_of(v, v.max(1, keepdims=True)), lambda p: np.log(p + 1e-12)),
            False,
            "loss",
        ),
        Expected(
            "a loss of each", lambda v, y: (lambda loss, d: (np.full(len(y), loss), d))(*log_sum_exp(v, y)), False
        ),
        Expected("as an array", lambda v, y: np.array(log_sum_exp(v, y), object), True),
    ],
    "focal": [
        Expected("the others' sum", focal_by(others_sum), True),
        Expected("1 − p", focal_by(lambda p, rows, labels: 1 - p[rows, labels]), False),
        Expected(
            "a floor under 1 − p", focal_by(lambda p, rows, labels: np.maximum(1 - p[rows, labels], 1e-12)), False
        ),
    ],
    "share_of_votes": [
        Expected("np.divide", lambda a, w: float(np.divide(*_votes(a, w))), True),
        Expected("per cent", lambda a, w: 100 * np.divide(*_votes(a, w)), False),
    ],
    "difficulty_of": [
        Expected("NumPy's string", lambda s, t: np.str_("A" if s == 1 else "B" if s >= t else "C"), True),
        Expected("small letters", lambda s, t: SOLVED["difficulty_of"].answer(s, t).lower(), False),
    ],
    "adam_step": [
        Expected("Algorithm 1", algorithm_1, True),
        Expected("ε inside", epsilon_inside, False, "the move of w"),
        Expected("no ε", lambda w, g, m, v, t, lr: _adam(w, g, m, v, t, lr, 0), False),
        Expected("ε as in some books", lambda w, g, m, v, t, lr: _adam(w, g, m, v, t, lr, 1e-7), False),
        Expected("v of the last step", lambda *a: (*algorithm_1(*a)[:2], a[3]), False, "v after step"),
    ],
    "clip": [
        Expected("a factor above 1 avoided by a branch", lambda g, limit: _clip(g, limit), True),
        Expected("its square", lambda g, limit: (_clip(g, limit)[0], _clip(g, limit)[1] ** 2), False, "norm"),
        Expected(
            "the largest entry", lambda g, limit: _clip(g, limit, lambda g: max(np.abs(v).max() for v in g)), False
        ),
        Expected("arrays alone", lambda g, limit: (list(_clip(g, limit)[0].values()), _clip(g, limit)[1]), False),
    ],
    "fit": [
        Expected("a list of both", fits(lambda best, every: [best, np.array(every)]), True),
        Expected("the losses first", fits(lambda best, every: (every, best)), False),
        Expected("the last loss alone", fits(lambda best, every: (best, every[-1])), False),
    ],
    "level_alone": [
        Expected("an array", lambda *a: np.array(SOLVED["level_alone"].answer(*a)), True),
        Expected("one label", lambda *a: SOLVED["level_alone"].answer(*a)[0], False, "should be a list"),
        Expected("of the labels' numbers", lambda lv, la, s: np.unique(la, return_inverse=True)[1], False),
        Expected("one too few", lambda *a: SOLVED["level_alone"].answer(*a)[1:], False, "texts, found"),
    ],
    "leaks": [
        Expected("a list of tuples", lambda *a: [tuple(some) for some in SOLVED["leaks"].answer(*a)], True),
        Expected("sets", lambda *a: tuple(map(set, SOLVED["leaks"].answer(*a))), False, "should be a list"),
        Expected("recordings alone", lambda *a: SOLVED["leaks"].answer(*a)[0], False),
        Expected("the speakers first", lambda *a: SOLVED["leaks"].answer(*a)[::-1], False),
    ],
    "clips_needed": [
        Expected("NumPy", lambda p, k, w: max(1, np.ceil(p * (1 - p) / k * (1.96 / w) ** 2)), True),
        Expected(
            "a search",
            lambda p, k, w: next(n for n in range(1, 10**6) if 1.96 * (p * (1 - p) / n / k) ** 0.5 <= w),
            True,
        ),
        Expected("not rounded", lambda p, k, w: p * (1 - p) / k * (1.96 / w) ** 2, False),
    ],
    "scores": [
        Expected("an array", lambda c: np.array(SOLVED["scores"].answer(c)), True),
        Expected("a dict", lambda c: dict(zip("abc", SOLVED["scores"].answer(c), strict=True)), False),
    ],
    "speaker_splits": [
        Expected(
            "lists of lists",
            lambda s: [[list(map(int, p)) for p in t] for t in SOLVED["speaker_splits"].answer(s)],
            True,
        ),
        Expected(
            "names", lambda s: [tuple(np.array(s)[p] for p in t) for t in SOLVED["speaker_splits"].answer(s)], False
        ),
        Expected(
            "masks",
            lambda s: [tuple(np.isin(np.arange(len(s)), p) for p in t) for t in SOLVED["speaker_splits"].answer(s)],
            False,
        ),
    ],
    "ua_interval": [
        Expected("an undrawn class left out", interval_where(np.nan), True),
        Expected("an undrawn class as 0", interval_where(0.0), False),
        Expected("an undrawn class as 1", interval_where(1.0), False),
        Expected("high first", lambda *a: tuple(interval_where(np.nan)(*a))[::-1], False),
    ],
    "attainable": [
        Expected("where", lambda i, p, r: np.where(i * r < p, i * r, p), True),
        Expected("a comprehension", lambda i, p, r: [min(p, v * r) for v in i], True),
        Expected("in GFLOP/s", lambda i, p, r: np.minimum(p, i * r) / 1e9, False),
    ],
    "block_intensity": [
        Expected("float64", lambda c, m: [v / 2 for v in SOLVED["block_intensity"].answer(c, m)], False)
    ],
    "four_at_once": [Expected("y returned, too", returns_y, True)],
    "MyDense": [Expected("numser's layer inside", type("Dense", (layers.Dense,), {}), False, "uses numser's Dense")],
    "whole_backward": [
        Expected("numser's network", lambda p, x, d, blocks: _by_the_network(p, x, d, blocks), False, "SeparableSER"),
        Expected("grads alone", lambda *a: SOLVED["whole_backward"].answer(*a)[1], False, "(logits, grads)"),
        Expected(
            "one tensor turned round",
            lambda *a: _turned(*SOLVED["whole_backward"].answer(*a)),
            False,
            "Right, from the output back: output.b, output.w, hidden.slope",
        ),
    ],
    "in_tiles": [Expected("a tuple of frames", lambda *a: tuple(SOLVED["in_tiles"].answer(*a)), True)],
}


def _windowed(x):
    return x * (0.54 - 0.46 * np.cos(2 * np.pi * np.arange(640) / 640))


def _decibels_in_place(power):
    np.maximum(power, 1e-10, out=power)
    np.log10(power, out=power)
    power *= 10
    return np.maximum(power, power.max() - 80, out=power)


def _carry(d, factor):
    expand, project = SOLVED["carry"].answer(d)
    return expand * factor, project / factor


def _votes(annotations, label):
    words = [word.strip() for words in annotations for word in words.split(";")]
    return words.count(label), len(words)


def _adam(w, g, m, v, t, lr, epsilon):
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
    return w - lr * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + epsilon), m, v


def _clip(grads, limit, length=lambda g: np.sqrt(sum(np.sum(v**2) for v in g))):
    norm = length(list(grads.values()))
    if norm <= limit:
        return dict(grads), norm
    return {name: limit * g / norm for name, g in grads.items()}, norm


def _by_the_network(params, x, dlogits, blocks):
    model = SeparableSER(dlogits.shape[1], blocks)
    logits, cache = model.forward(params, x)
    return logits, model.backward(params, cache, dlogits)[1]


def _turned(logits, grads):
    return logits, grads | {"gru.u": grads["gru.u"][::-1]}
