"""The training loop: mini-batches, gradients, Adam, validation.        Paper §4.2

One step takes the next `batch_size` utterances of a random order, shows each as it might have sounded too
(`augment.py`, if the recipe asks for it), computes the gradient of their mean loss, limits its norm, and lets Adam
move the parameters. Every few steps the validation set is recognised. The paper keeps the parameters that do it best;
numser's recipe ends with the moving average of the last ones, whose head learns once more (`readout.py`), and chooses
nothing. The test set plays no part here.

A batch is dealt out into shards (`inference.py`), and gradients are added in the order of the shards: any number of
threads gives the same bits.
"""

import math
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from numser import losses
from numser.augment import Augmentation
from numser.dataset import Dataset
from numser.difficulty import focal_exponents
from numser.errors import InputError
from numser.features import FeatureSettings, Standardiser
from numser.inference import Network, Pieces, head_inputs, lengths_of, pieces_of, recognise, shards
from numser.layers.batch_norm import batch_statistics, with_statistics
from numser.layers.initial import he_convolutions
from numser.metrics import confusion_matrix, unweighted_accuracy, weighted_accuracy
from numser.model import SeparableSER
from numser.optim import Adam, AdamState, averaged, clip_global_norm, learning_rate
from numser.ragged import Params, pack
from numser.readout import SpeakerHead, refit
from numser.recipe import Recipe
from numser.splits import Split
from numser.systems import SYSTEMS
from numser.threads import available_cores, one_blas_thread


class Diverged(InputError):
    """A loss, a gradient or a parameter became NaN or infinite."""


@dataclass
class Order:
    """The order in which utterances come: a fresh permutation each epoch; a batch may run across its end."""

    rng: np.random.Generator
    permutation: np.ndarray
    position: int = 0

    def next_batch(self, size: int) -> np.ndarray:
        """The next `size` indices."""
        batch: list[int] = []
        while len(batch) < size:
            if self.position == len(self.permutation):
                self.permutation = self.rng.permutation(len(self.permutation))
                self.position = 0
            taken = self.permutation[self.position : self.position + size - len(batch)]
            batch.extend(taken)
            self.position += len(taken)
        return np.array(batch)


@dataclass
class State:
    """Everything that a training is made of at one moment. From it, training goes on as if nothing had happened."""

    params: Params
    adam: AdamState
    order: Order
    dropout: np.random.Generator
    augmentation: np.random.Generator
    average: Params  # the moving average of the parameters, or themselves where the recipe has none
    best_params: Params  # the average of the best validation
    best_ua: float = -1.0
    best_step: int = 0
    recent_losses: list[float] = field(default_factory=list)  # since the last validation
    history: list["Validation"] = field(default_factory=list)

    @property
    def step(self) -> int:
        """How many steps have been done."""
        return self.adam.step


@dataclass(frozen=True)
class Validation:
    """One row of the learning curve. What is about the validation set is NaN where that trains as well."""

    step: int
    loss: float  # mean over the training batches since the last row
    validation_loss: float  # weighted cross-entropy, whatever the training's loss, so that runs can be compared
    validation_ua: float
    validation_wa: float
    best_ua: float


def network(recipe: Recipe, n_classes: int) -> Network:
    """The network of a recipe.

    Raises      InputError: the system cannot have so many blocks
    """
    if recipe.system != "separable":
        try:
            return SYSTEMS[recipe.system](n_classes, recipe.blocks)
        except ValueError as error:
            raise InputError(f"{error}".replace("blocks", "‹blocks›", 1)) from error
    return SeparableSER(n_classes, recipe.blocks, recipe.attention, recipe.tied, recipe.dropout)


def feature_settings(recipe: Recipe) -> FeatureSettings:
    """What a recipe's network is shown of sound."""
    return FeatureSettings(**network(recipe, 2).features, level=recipe.level)


def training_pieces(recipe: Recipe, lengths: Sequence[int], members: np.ndarray) -> np.ndarray:
    """What training shows of these utterances: the index of their `Pieces`.

    Shapes      lengths: of all utterances, in frames   members (B,), indices into them   returned (n, 3) int
    """
    return pieces_of(network(recipe, 2), lengths, members)


def initial_state(recipe: Recipe, n_classes: int, n_train: int) -> State:
    """The state before the first step. All that is drawn at random has a generator of its own."""
    children = np.random.SeedSequence(recipe.seed).spawn(4)
    values, order, dropout, augmentation = map(np.random.default_rng, children)
    params = network(recipe, n_classes).init(values)
    if recipe.init == "he":
        params = he_convolutions(values, params, recipe.blocks)
    everything = Order(order, np.arange(n_train), position=n_train)
    return State(params, Adam().init(params), everything, dropout, augmentation, average=params, best_params=params)


def final_params(recipe: Recipe, state: State) -> Params:
    """The parameters that a training which is in this state would end with."""
    params = state.best_params if recipe.keep == "best" else state.average
    if recipe.temperature == 1:
        return params
    output = {name: w / w.dtype.type(recipe.temperature) for name, w in params.items() if name.startswith("output.")}
    return params | output


def train(
    recipe: Recipe,
    dataset: Dataset,
    split: Split,
    state: State,
    *,
    augmentation: Augmentation | None = None,
    threads: int | None = None,
    on_step: Callable[[State, float], bool] = lambda state, loss: False,
    on_validation: Callable[[State], None] = lambda state: None,
) -> State:
    """Train on `split.train`, validate on `split.validation`, from `state` up to `recipe.steps` steps.

    `dataset` is standardised; `augmentation` draws what is shown in its place. `on_step(state, loss)` is called after
    each step; if it returns true, training stops there. `on_validation(state)` is called after each validation.
    Changes `state` and returns it.

    Where `split.validation` is empty, rows of the learning curve tell the loss alone.

    Raises      Diverged: a loss, a gradient or a parameter is not finite; parameters, best parameters and history are
                as before that step
                InputError: the best validation is to be kept, and nothing is there to validate on
    """
    if recipe.keep == "best" and len(split.validation) == 0:
        raise InputError("‹keep› best: there is nothing to validate on; use ‹keep› last")
    model = network(recipe, len(dataset.classes))
    weights = losses.class_weights(dataset.labels[split.train], len(dataset.classes))[dataset.labels]
    loss_of = _loss_function(recipe, dataset, weights)
    all_pieces = training_pieces(recipe, dataset.log_mels.lengths, split.train)
    with one_blas_thread(), ThreadPoolExecutor(threads or available_cores()) as pool:
        while state.step < recipe.steps:
            drawn = all_pieces[state.order.next_batch(recipe.batch_size)]
            batch = drawn[:, 0]
            shown: Sequence[np.ndarray] = Pieces(dataset.log_mels, drawn)
            if augmentation is not None:
                seeds = state.augmentation.integers(2**63, size=len(batch))
                shown = list(pool.map(lambda i, seed: augmentation(i, np.random.default_rng(seed)), batch, seeds))
            loss, grads, statistics = _loss_and_gradients(model, state, shown, weights, loss_of, batch, pool)
            rate = learning_rate(state.step + 1, recipe.steps, recipe.lr, recipe.warm_up, recipe.schedule)
            adam = Adam(rate, weight_decay=recipe.weight_decay)
            with np.errstate(all="ignore"):  # what goes wrong here is seen in the next line
                grads, norm = clip_global_norm(grads, recipe.clip)
                params, adam_state = adam.update(state.params, grads, state.adam)
                params = with_statistics(params, statistics)
            if not (np.isfinite(loss) and np.isfinite(norm) and _finite(params)):
                names = " ".join(dataset.utterances[i].name for i in batch)
                raise Diverged(
                    f"step {state.step + 1}: numbers grew beyond all bounds (loss {loss:.3g}, gradient norm "
                    f"{norm:.3g}) on the utterances {names}; try a smaller ‹lr›"
                )
            del grads  # else they would be there beside the next step's
            state.params, state.adam = params, adam_state
            state.average = averaged(state.average, params, recipe.average, state.step) if recipe.average else params
            if state.step == recipe.steps and recipe.refit:
                state.average = _with_refitted_head(recipe, model, state.average, dataset, split.train, pool)
            state.recent_losses.append(float(loss))
            if state.step % recipe.validate_every == 0 or state.step == recipe.steps:
                _validate(model, state, dataset, weights, split.validation, pool)
                on_validation(state)
            if on_step(state, float(loss)):
                break
    return state


def _with_refitted_head(
    recipe: Recipe, model: Network, params: Params, dataset: Dataset, members: np.ndarray, pool: Executor
) -> Params:
    """The parameters, with those of the head learned once more from utterances of the standardised dataset. Each
    counts the same: on validation data that did better than to weigh emotions, by a point.
    """
    assert isinstance(model, SeparableSER)  # a recipe of another network does not refit
    x, _ = head_inputs(model, params, dataset.log_mels.select(members), pool)
    loss_of = _loss_function(recipe, dataset, np.ones(len(dataset.labels)))
    own = {name: w for name, w in params.items() if name.split(".")[0] in dict(model.head.children)}
    return params | refit(model.head, own, x, lambda y: loss_of(y, members, len(members)), recipe.refit)


def speaker_head(
    recipe: Recipe,
    params: Params,
    dataset: Dataset,
    members: np.ndarray,
    standardiser: Standardiser,
    threads: int | None = None,
) -> SpeakerHead | None:
    """A last layer for people who are known, learned from utterances of a dataset that is not standardised. None:
    the recipe does not refit, or an utterance names no speaker.
    """
    speakers = [dataset.utterances[i].speaker for i in members]
    if not recipe.refit or None in speakers:
        return None
    dataset = dataset.standardised(dataset.speakers_standardisers(standardiser, members))
    n_classes = len(dataset.classes)
    with one_blas_thread(), ThreadPoolExecutor(threads or available_cores()) as pool:
        model, log_mels = network(recipe, n_classes), dataset.log_mels.select(members)
        statistics = recognise(model, params, log_mels, pool).statistics
        weights = losses.class_weights(dataset.labels[members], n_classes)[dataset.labels]
        loss_of = _loss_function(recipe, dataset, weights)
        total = weights[members].sum()
        return SpeakerHead.fit(statistics, speakers, n_classes, lambda y: loss_of(y, members, total), recipe.refit)


def _loss_function(recipe: Recipe, dataset: Dataset, weights: np.ndarray) -> Callable:
    """The recipe's loss as a function of (logits, members, total_weight); `members` are utterances of the dataset."""
    lam = np.zeros(len(weights))
    if recipe.loss == "focal":
        lam = focal_exponents(dataset.levels, recipe.lambda_b, recipe.lambda_c)

    def loss_of(logits: np.ndarray, members: np.ndarray, total_weight: float) -> tuple[float, np.ndarray]:
        args = logits, dataset.labels[members], weights[members]
        if recipe.loss == "soft":
            loss, dlogits = losses.soft_bootstrapping(*args, recipe.beta, total_weight)
        elif recipe.loss == "lq":
            loss, dlogits = losses.lq(*args, recipe.q, total_weight)
        else:
            loss, dlogits = losses.focal(*args, lam[members], total_weight)
        return losses.smoothed(loss, dlogits, logits, weights[members], recipe.smoothing, total_weight)

    return loss_of


def _loss_and_gradients(
    model: Network,
    state: State,
    shown: Sequence[np.ndarray],
    weights: np.ndarray,
    loss_of: Callable,
    batch: np.ndarray,
    pool: Executor,
) -> tuple[float, Params, list[Params]]:
    """The batch's loss Σ w·ℓ / Σ w and its gradient, added up over shards, and each shard's statistics for batch
    normalisation. `shown` are the batch's log-mels.
    """
    total_weight = weights[batch].sum()
    cuts = shards(lengths_of(shown), model.shard_frames)
    seeds = state.dropout.integers(2**63, size=len(cuts))

    def one_shard(cut: np.ndarray, seed: int) -> tuple[float, Params, Params]:
        members = batch[cut]
        x = pack([shown[i] for i in cut])
        with np.errstate(over="ignore", invalid="ignore"):  # the loss shows it, and then training stops
            logits, cache = model.forward(state.params, x, training=True, rng=np.random.default_rng(seed))
            loss, dlogits = loss_of(logits, members, total_weight)
            _, grads = model.backward(state.params, cache, dlogits, input_gradient=False)
            return loss, grads, batch_statistics(model.network, cache)

    loss, statistics = 0.0, []
    grads: Params = {}
    for shard_loss, shard_grads, shard_statistics in pool.map(one_shard, cuts, seeds):
        loss += shard_loss
        statistics.append(shard_statistics)
        for name, g in shard_grads.items():
            if name in grads:
                grads[name] += g
            else:
                grads[name] = g
        del shard_grads  # else they would be there until the next have come
    return loss, grads, statistics


def _finite(params: Params) -> bool:
    return all(np.isfinite(w).all() for w in params.values())


def _validate(
    model: Network, state: State, dataset: Dataset, weights: np.ndarray, validation: np.ndarray, pool: Executor
) -> None:
    """Recognise the validation set, add a row to the history, and keep the parameters if they are the best so far."""
    mean_loss = float(np.mean(state.recent_losses))
    if len(validation) == 0:
        state.history.append(Validation(state.step, mean_loss, *[math.nan] * 4))
        state.recent_losses = []
        return
    labels = dataset.labels[validation]
    logits = recognise(model, state.average, dataset.log_mels.select(validation), pool).logits
    if not np.isfinite(logits).all():
        raise Diverged(f"step {state.step}: the validation set's logits are not finite; try a smaller ‹lr›")
    loss, _ = losses.cross_entropy(logits, labels, weights[validation])
    confusion = confusion_matrix(labels, logits.argmax(1), len(dataset.classes))
    ua = unweighted_accuracy(confusion)
    if ua > state.best_ua:
        state.best_ua, state.best_step, state.best_params = ua, state.step, state.average
    wa = weighted_accuracy(confusion)
    state.history.append(Validation(state.step, mean_loss, float(loss), ua, wa, state.best_ua))
    state.recent_losses = []
