"""Checks of lesson 11."""

import numpy as np

from checker import Watched, Wrong, by_hand, exercise, gradients, parts, same
from checks.gru import against_gru
from numser import layers
from numser.gradcheck import random_params
from numser.model import SeparableSER
from numser.ragged import Ragged, offsets_of

COMPOSED = {"FusedBlock", "Residual", "Sequential", "inverted_residual", "separable_block"}
PLAIN = tuple(getattr(layers, name) for name in set(layers.__all__) - COMPOSED)


@exercise
def MyDense(answer):
    """The student's layer against the sums written out, and against finite differences."""
    _against_sums(answer, "uc,co->uo", [(4, 3, 2), (1, 2, 5), (3, 3, 3)])


@exercise
def MyPointwise(answer):
    """The student's layer against the sums written out, and against finite differences."""
    _against_sums(answer, "tfc,co->tfo", [(3, 4, 3, 2), (1, 2, 2, 4), (2, 2, 2, 2)])


def _against_sums(answer, sums, shapes):
    by_hand(answer)
    rng = np.random.default_rng(0)
    for *rows, inputs, units in shapes:
        layer, x = Watched(answer(inputs, units)), rng.standard_normal((*rows, inputs))
        params = {"w": rng.standard_normal((inputs, units)), "b": rng.standard_normal(units)}
        same(layer.forward(params, x)[0], np.einsum(sums, x, params["w"]) + params["b"], "y")
        gradients(layer, params, x)


@exercise
def MyBiGRU(answer):
    """The student's layer against numser's, and against finite differences."""
    against_gru(answer, both=True)


@exercise
def whole_backward(answer):
    """Logits and each tensor's gradient against numser's network, from the output back."""
    by_hand(answer, allowed=(*PLAIN, layers))
    rng = np.random.default_rng(0)
    for blocks, lengths in ((2, (19, 6)), (0, (5,))):
        model = SeparableSER(4, blocks)
        params, offsets = random_params(model, rng), offsets_of(lengths)
        x, dlogits = rng.standard_normal((offsets[-1], 128)), rng.standard_normal((len(lengths), 4))
        logits, cache = model.forward(params, Ragged(x, offsets))
        _, expected = model.backward(params, cache, dlogits)
        copies = {name: w.copy() for name, w in params.items()}
        found = answer(copies, Ragged(x.copy(), offsets), dlogits.copy(), blocks)
        found_logits, grads = parts(found, "whole_backward", "logits", "grads")
        what = f"with {blocks} blocks,"
        same(found_logits, logits, f"logits, {what}")
        if not isinstance(grads, dict):
            raise Wrong("grads should be a dict with the names of params.")
        right = []
        for name in reversed(params):
            try:
                same(grads.get(name), expected[name], f"the gradient of {name}, {what}")
            except Wrong as wrong:
                raise Wrong(f"{wrong}\nRight, from the output back: {', '.join(right) or 'nothing yet'}.") from None
            right.append(name)
        if more := grads.keys() - params.keys():
            raise Wrong(f"grads has names that params has not: {', '.join(sorted(more))}.")
