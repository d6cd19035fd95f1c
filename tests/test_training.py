import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from numser.augment import Augmentation
from numser.corpora import Utterance
from numser.dataset import Dataset, LogMels
from numser.errors import InputError
from numser.features import FeatureSettings, Standardiser
from numser.inference import FRAMES_PER_SHARD, halves, recognise, recognise_in_halves, shards
from numser.metrics import confusion_matrix, unweighted_accuracy
from numser.model import SeparableSER
from numser.ragged import pack
from numser.recipe import LOSSES, NUMSER, Recipe
from numser.splits import Split
from numser.training import Diverged, Order, final_params, initial_state, train


def random_dataset(count=20, classes=4, lowest=20, highest=60, seed=0) -> Dataset:
    """Noise with labels: nothing to understand, all to be learned by heart."""
    rng = np.random.default_rng(seed)
    names = tuple("abcdefg"[:classes])
    labels = np.arange(count) % classes
    frames = rng.integers(lowest, highest, count)
    log_mels = LogMels([rng.standard_normal((n, 128)).astype(np.float32) for n in frames])
    utterances = [Utterance(f"u{i}", names[label]) for i, label in enumerate(labels)]
    return Dataset(utterances, names, labels, tuple("ABC"[i % 3] for i in range(count)), log_mels, [0] * count)


def all_of(dataset: Dataset) -> Split:
    everything = np.arange(len(dataset.labels))
    return Split(everything, everything, everything)


def trained(recipe, dataset, **options):
    state = initial_state(recipe, len(dataset.classes), len(dataset.labels))
    return train(recipe, dataset, all_of(dataset), state, **options)


@pytest.mark.slow
def test_twenty_utterances_are_learned_by_heart():
    dataset = random_dataset()
    recipe = Recipe(blocks=1, steps=80, batch_size=20, lr=1e-3)
    state = trained(recipe, dataset)
    assert state.best_ua == 1
    assert state.history[-1].loss < 0.05


@pytest.mark.parametrize(
    "loss", ["ce", *(pytest.param(loss, marks=pytest.mark.slow) for loss in LOSSES if loss != "ce")]
)
def test_any_number_of_threads_gives_the_same_bits(loss):
    dataset = random_dataset(24, lowest=150, highest=500)
    recipe = Recipe(blocks=1, steps=2, batch_size=16, loss=loss, dropout=0.3, validate_every=2)
    one, three = (trained(recipe, dataset, threads=n) for n in (1, 3))
    assert len(shards(dataset.log_mels.lengths[:16])) > 3
    assert one.history == three.history
    for name, w in one.params.items():
        np.testing.assert_array_equal(w, three.params[name])


@pytest.mark.slow
def test_augmentation_gives_the_same_bits_with_any_number_of_threads():
    dataset = random_dataset(24, lowest=150, highest=500)
    recipe = replace(NUMSER, blocks=0, steps=2, batch_size=16, validate_every=2)
    identity = Standardiser(np.zeros(128, np.float32), np.ones(128, np.float32))
    augmentation = Augmentation(recipe, FeatureSettings(), dataset.log_mels, [identity] * 24)
    one, three = (trained(recipe, dataset, threads=n, augmentation=augmentation) for n in (1, 3))
    plain = trained(recipe, dataset)
    assert one.history == three.history != plain.history
    for name, w in one.average.items():
        np.testing.assert_array_equal(w, three.average[name])


def test_the_average_is_validated_and_kept():
    dataset = random_dataset()
    recipe = Recipe(blocks=0, steps=6, batch_size=8, lr=0.01, average=0.9, keep="last", validate_every=6)
    weights = []
    state = trained(recipe, dataset, on_step=lambda s, loss: weights.append(s.params["hidden.w"]))
    expected = initial_state(recipe, 4, 20).params["hidden.w"]
    for t, w in enumerate(weights, start=1):
        d = min(0.9, t / (t + 9))
        expected = d * expected + (1 - d) * w
    np.testing.assert_allclose(final_params(recipe, state)["hidden.w"], expected, rtol=1e-5)
    with ThreadPoolExecutor(1) as pool:
        logits = recognise(SeparableSER(4, 0), state.average, dataset.log_mels, pool).logits
    confusion = confusion_matrix(dataset.labels, logits.argmax(1), 4)
    assert state.history[-1].validation_ua == unweighted_accuracy(confusion)


def test_without_validation_the_curve_tells_the_loss_alone():
    dataset = random_dataset()
    recipe = Recipe(blocks=0, steps=2, batch_size=8, keep="last", validate_every=1)
    everything = np.arange(20)
    split = Split(everything, everything[:0], everything)
    state = train(recipe, dataset, split, initial_state(recipe, 4, 20))
    assert [row.step for row in state.history] == [1, 2]
    assert all(np.isfinite(row.loss) and np.isnan(row.validation_ua) for row in state.history)
    assert final_params(recipe, state) is state.params
    with pytest.raises(InputError, match=r"^keep best: there is nothing to validate on"):
        train(Recipe(blocks=0), dataset, split, initial_state(recipe, 4, 20))


def test_the_learning_rate_of_the_schedule_is_the_one_that_moves_the_weights():
    """Adam's first step moves a weight by the learning rate, whatever its gradient, if that is not tiny."""
    dataset = random_dataset()
    for schedule, warm_up, expected in (("constant", 0, 0.01), ("constant", 4, 0.0025), ("cosine", 0, 0.01)):
        recipe = Recipe(blocks=0, steps=1, batch_size=8, lr=0.01, schedule=schedule, warm_up=warm_up)
        moved = trained(recipe, dataset).params["hidden.w"] - initial_state(recipe, 4, 20).params["hidden.w"]
        assert np.abs(moved).max() == pytest.approx(expected, rel=0.01)


def test_one_seed_gives_the_same_bits_and_another_seed_does_not():
    dataset = random_dataset()
    first, again, other = (trained(Recipe(blocks=0, steps=2, batch_size=8, seed=s), dataset) for s in (1, 1, 2))
    assert all(np.array_equal(w, again.params[name]) for name, w in first.params.items())
    assert not np.array_equal(first.params["gru.w"], other.params["gru.w"])


def test_two_trainings_at_once_do_not_disturb_each_other():
    dataset = random_dataset()
    recipe = Recipe(blocks=1, steps=3, batch_size=8)
    alone = trained(recipe, dataset)
    results = {}
    workers = [threading.Thread(target=lambda i=i: results.update({i: trained(recipe, dataset)})) for i in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for state in results.values():
        assert all(np.array_equal(w, state.params[name]) for name, w in alone.params.items())
    assert len(results) == 2


@pytest.mark.slow
def test_only_a_strictly_better_validation_replaces_the_best():
    dataset = random_dataset()
    recipe = Recipe(blocks=0, steps=30, batch_size=20, lr=1e-3, validate_every=1)
    best = []
    state = trained(recipe, dataset, on_validation=lambda s: best.append((s.best_step, s.best_ua)))
    expected, highest = [], -1
    for row in state.history:
        if row.validation_ua > highest:
            highest = row.validation_ua
            expected.append((row.step, highest))
        else:
            expected.append(expected[-1])
    assert best == expected
    assert len(set(best)) < len(best)  # ties and worse steps did occur


def test_an_epoch_meets_everything_once_and_batches_run_across_its_end():
    order = Order(np.random.default_rng(0), np.arange(10), position=10)
    drawn = np.concatenate([order.next_batch(4) for _ in range(5)])
    assert sorted(drawn[:10]) == sorted(drawn[10:]) == list(range(10))
    assert drawn[:10].tolist() != drawn[10:].tolist()
    assert len(Order(np.random.default_rng(0), np.arange(3), position=3).next_batch(8)) == 8


@pytest.mark.parametrize(
    ("lengths", "count"),
    [([5], 1), ([700, 500], 1), ([700, 600, 5], 2), ([900] * 3, 3), ([900] * 4, 4), ([300] * 17, 8)],
)
def test_shards_cover_everything_once(lengths, count):
    cuts = shards(lengths)
    assert len(cuts) == count
    assert sorted(np.concatenate(cuts)) == list(range(len(lengths)))


def test_shards_are_of_nearly_the_same_size():
    lengths = np.random.default_rng(0).integers(100, 700, size=64)
    frames = [lengths[cut].sum() for cut in shards(lengths)]
    assert max(frames) < 1.3 * min(frames)
    assert 0.7 * FRAMES_PER_SHARD < np.mean(frames) <= FRAMES_PER_SHARD


def test_recognised_utterances_come_back_in_their_order():
    dataset = random_dataset(24, lowest=150, highest=500)
    model = SeparableSER(2, blocks=1)
    params = model.init(np.random.default_rng(0))
    with ThreadPoolExecutor(2) as pool:
        logits, attention, _ = recognise(model, params, dataset.log_mels, pool)
        assert len(shards(dataset.log_mels.lengths)) > 4
        for i, log_mel in enumerate(dataset.log_mels):
            (alone,), (weights,), _ = recognise(model, params, [log_mel], pool)
            np.testing.assert_allclose(logits[i], alone, rtol=0, atol=1e-5)
            np.testing.assert_allclose(attention[i], weights, rtol=0, atol=1e-5)


def test_a_loss_that_is_not_finite_stops_with_step_and_utterances():
    dataset = random_dataset()
    dataset.log_mels[7][3, 5] = np.inf
    recipe = Recipe(blocks=0, steps=50, batch_size=4)
    with pytest.raises(Diverged, match=r"step \d: .*loss nan.* u7") as caught:
        trained(recipe, dataset)
    assert len(str(caught.value).split("utterances ")[1].split(";")[0].split()) == 4


def test_one_step_by_hand():
    """Batch loss with class weights, its gradient clipped to a small norm, and one step of Adam, without `train`."""
    dataset = random_dataset(9, classes=2)
    dataset.labels[:6] = 0  # unequal classes: 6 + 1 of the one, 2 of the other
    recipe = Recipe(blocks=0, steps=1, batch_size=9, clip=1e-3, lr=0.01)
    state = trained(recipe, dataset)

    start = initial_state(recipe, 2, 9)
    model = SeparableSER(2, 0)
    counts = np.bincount(dataset.labels)
    weights = (counts.max() / (counts + 0.5))[dataset.labels]
    logits, cache = model.forward(start.params, pack(dataset.log_mels))
    shifted = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    losses = -shifted[np.arange(9), dataset.labels]
    assert state.history[0].loss == pytest.approx((weights * losses).sum() / weights.sum(), rel=1e-5)
    dlogits = np.exp(shifted) - np.eye(2)[dataset.labels]
    _, grads = model.backward(start.params, cache, (dlogits * weights[:, None] / weights.sum()).astype(np.float32))
    norm = np.sqrt(sum((g.astype(float) ** 2).sum() for g in grads.values()))
    assert norm > 0.01
    for name, w in start.params.items():
        g = grads[name] * 1e-3 / norm
        expected = w - 0.01 * g / (np.abs(g) + 1e-8 / np.sqrt(0.001))
        np.testing.assert_allclose(state.params[name], expected, rtol=0, atol=2e-4, err_msg=name)
        np.testing.assert_allclose(state.adam.m[name], 0.1 * g, rtol=0, atol=1e-4 * np.abs(g).max(), err_msg=name)


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        (Recipe(blocks=0, steps=1, loss="soft", beta=1.0), "ce"),
        (Recipe(blocks=0, steps=1, loss="soft"), "another"),
        (Recipe(blocks=0, steps=1, loss="lq", q=1e-6), "ce"),
        (Recipe(blocks=0, steps=1, loss="lq"), "another"),
    ],
)
def test_soft_and_lq_are_trained_on_with_their_settings(recipe, expected):
    dataset = random_dataset()
    plain, other = trained(Recipe(blocks=0, steps=1), dataset), trained(recipe, dataset)
    difference = abs(other.history[0].loss - plain.history[0].loss)
    assert (difference < 1e-5) == (expected == "ce")


def test_focal_loss_counts_hard_utterances_otherwise():
    dataset = random_dataset()
    ce, focal = (trained(Recipe(blocks=0, steps=1, batch_size=20, loss=loss), dataset) for loss in ("ce", "focal"))
    assert focal.history[0].loss < ce.history[0].loss
    plain = trained(Recipe(blocks=0, steps=1, batch_size=20, loss="focal", lambda_b=0, lambda_c=0), dataset)
    assert plain.history == ce.history


def test_dropout_changes_training_and_not_recognition():
    dataset = random_dataset()
    runs = [trained(Recipe(blocks=0, steps=1, batch_size=8, dropout=rate), dataset) for rate in (0.0, 0.5)]
    assert runs[0].history[0].loss != runs[1].history[0].loss


@pytest.mark.slow
@pytest.mark.parametrize("blocks", [0, 1, 4, 6])
def test_two_halves_of_an_utterance_are_the_whole(blocks):
    rng = np.random.default_rng(0)
    model = SeparableSER(3, blocks)
    params = {name: w + 0.1 * rng.standard_normal(w.shape) for name, w in model.init(rng, np.float64).items()}
    cut = []
    with ThreadPoolExecutor(2) as pool:
        for frames in (3, 60, 16 * (blocks + 2), *range(200, 209), 700):
            x = rng.standard_normal((frames, 128))
            halved, whole = recognise_in_halves(model, params, x, pool), recognise(model, params, [x], pool)
            np.testing.assert_allclose(halved.logits, whole.logits, rtol=1e-10)
            np.testing.assert_allclose(halved.attention[0], whole.attention[0], rtol=1e-10)
            np.testing.assert_allclose(halved.statistics, whole.statistics, rtol=1e-9)
            cut.append(len(halves(frames, blocks)) == 2)
    assert not cut[0] and all(cut[-4:])
