"""The last layers, learned once more; and a last layer of its own for people of whom recordings are known.

    minimise over W:    loss(W) + λ |W − W₀|²

In training, recordings are cut, masked and noisy, so that the network learns what carries over to other people. Its
last layers then have learned what to make of damaged recordings. So they learn once more, to the end, from all
training recordings, whole and as they are, while all that is below stays. That is a small problem: L-BFGS solves it
in seconds, and λ keeps the solution near what training has found.

Source      Kirichenko et al., Last layer re-training is sufficient for robustness to spurious correlations, 2023
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from numser.features import Standardiser
from numser.layers.compose import Layer
from numser.layers.dense import Dense
from numser.ragged import Params

_ITERATIONS = 500  # of L-BFGS; it needs some 50 to 200

Loss = Callable[[np.ndarray], tuple[float, np.ndarray]]  # of logits (B, K): the loss, and its gradient (B, K)


def refit(layer: Layer, params: Params, x: np.ndarray, loss_of: Loss, decay: float) -> Params:
    """The parameters that minimise loss + decay · |change|², from `params`, in float64.

    Shapes      x (B, …), what the layer takes; it gives logits (B, K)
    Returns     parameters of the dtype that they had
    """
    from scipy.optimize import minimize  # takes longer to import than a few recordings take to recognise

    first = {name: w.astype(np.float64) for name, w in params.items()}
    ends = np.cumsum([w.size for w in first.values()])
    start = np.concatenate([w.ravel() for w in first.values()])
    x = x.astype(np.float64)

    def unflat(flat: np.ndarray) -> Params:
        parts = np.split(flat, ends[:-1])
        return {name: part.reshape(w.shape) for (name, w), part in zip(first.items(), parts, strict=True)}

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        now = unflat(flat)
        logits, cache = layer.forward(now, x, training=True)
        assert isinstance(logits, np.ndarray)
        loss, dlogits = loss_of(logits)
        _, grads = layer.backward(now, cache, dlogits, input_gradient=False)
        change = flat - start
        return loss + decay * change @ change, np.concatenate([grads[n].ravel() for n in first]) + 2 * decay * change

    found = minimize(objective, start, jac=True, method="L-BFGS-B", options={"maxiter": _ITERATIONS})
    return {name: w.astype(params[name].dtype) for name, w in unflat(found.x).items()}


@dataclass(frozen=True, eq=False)
class SpeakerHead:
    """A last layer for people of whom some recordings are known, though not what they express.

        y = ((s − m) / d) W + b        s = [mean over t of h[t], standard deviation over t of h[t]]

    m and d are mean and standard deviation of s over the person's own recordings (`Standardiser.for_speaker`). What
    all of them have in common is the person, and goes; how they differ is what the person feels. In training too,
    each speaker's recordings are standardised by themselves.

    Shapes      h (N', 2H), an utterance's states of the GRU   s, m, d (4H,)   W (4H, K)   b, y (K,)
    """

    standardiser: Standardiser  # m and d: of all that trained, or of one person
    params: Params

    @property
    def layer(self) -> Dense:
        """W and b."""
        return Dense(*self.params["w"].shape)

    @classmethod
    def fit(
        cls, statistics: np.ndarray, speakers: Sequence[str | None], n_classes: int, loss_of: Loss, decay: float
    ) -> "SpeakerHead":
        """Learn it from training utterances and who says them.

        Shapes      statistics (B, 4H)   speakers (B,)
        """
        of_all = cls(
            Standardiser.fit([statistics]),
            {"w": np.zeros((statistics.shape[1], n_classes), np.float32), "b": np.zeros(n_classes, np.float32)},
        )
        s = of_all.standardised_by_speaker(statistics, speakers)
        return replace(of_all, params=refit(of_all.layer, of_all.params, s, loss_of, decay))

    def for_speaker(self, statistics: np.ndarray) -> "SpeakerHead":
        """The same for one person, of whom these utterances are known.

        Shapes      statistics (n, 4H)
        """
        return replace(self, standardiser=self.standardiser.for_speaker(list(statistics[:, np.newaxis])))

    def standardised_by_speaker(self, statistics: np.ndarray, speakers: Sequence[str | None]) -> np.ndarray:
        """Each utterance's statistics, standardised by all that are its speaker's.

        Shapes      statistics, returned (B, 4H)   speakers (B,)
        """
        s, who = np.empty_like(statistics), np.array([str(speaker) for speaker in speakers])
        for speaker in set(who):
            own = statistics[who == speaker]
            s[who == speaker] = self.for_speaker(own).standardiser.apply(own)
        return s

    @staticmethod
    def shapes(statistics: int, n_classes: int) -> dict[str, tuple[int, ...]]:
        """The arrays of a file that holds it, and their shapes."""
        names = {"w": (statistics, n_classes), "b": (n_classes,), "mean": (statistics,), "sd": (statistics,)}
        return {f"speaker_head.{name}": shape for name, shape in names.items()}

    def arrays(self) -> dict[str, np.ndarray]:
        """What a file holds of it."""
        own = {**self.params, "mean": self.standardiser.mean, "sd": self.standardiser.sd}
        return {f"speaker_head.{name}": values for name, values in own.items()}

    @classmethod
    def of(cls, arrays: dict[str, np.ndarray]) -> "SpeakerHead":
        """The reverse of `arrays`."""
        own = {name.removeprefix("speaker_head."): values for name, values in arrays.items()}
        return cls(Standardiser(own.pop("mean"), own.pop("sd")), own)

    def logits(self, statistics: np.ndarray) -> np.ndarray:
        """Logits (B, K) of one person's utterances (B, 4H)."""
        y, _ = self.layer.forward(self.params, self.standardiser.apply(statistics))
        return y

    def logits_by_speaker(self, statistics: np.ndarray, speakers: Sequence[str | None]) -> np.ndarray:
        """Logits (B, K) of utterances (B, 4H) of several people, of whom no others are known."""
        y, _ = self.layer.forward(self.params, self.standardised_by_speaker(statistics, speakers))
        return y
