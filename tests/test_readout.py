"""The last layers, learned once more, and a last layer for people who are known."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from numser.corpora import Utterance
from numser.dataset import Dataset, LogMels
from numser.errors import InputError
from numser.evaluation import test as evaluate
from numser.export import onnx_model
from numser.features import PAPER, Standardiser
from numser.files import read_arrays, write_arrays
from numser.inference import head_inputs, recognise
from numser.layers import Dense
from numser.losses import cross_entropy, softmax
from numser.model import BANDS, UNITS, SeparableSER
from numser.readout import SpeakerHead, refit
from numser.recipe import recipe
from numser.recogniser import Recogniser, load
from numser.splits import Split
from numser.training import final_params, initial_state, network, speaker_head, train

RNG = np.random.default_rng(0)


def of_labels(labels: np.ndarray):
    return lambda logits: cross_entropy(logits, labels, np.ones(len(labels)))


def test_with_squared_error_it_is_ridge_regression():
    """That has a solution in closed form. Biases are drawn to their first values like weights."""
    layer, decay = Dense(5, 3), 0.3
    first = layer.init(RNG, np.float64)
    x, target = RNG.standard_normal((20, 5)), RNG.standard_normal((20, 3))
    found = refit(layer, first, x, lambda y: (((y - target) ** 2).sum(), 2 * (y - target)), decay)
    ones, start = np.hstack([x, np.ones((20, 1))]), np.vstack([first["w"], first["b"]])
    expected = np.linalg.solve(ones.T @ ones + decay * np.eye(6), ones.T @ target + decay * start)
    np.testing.assert_allclose(np.vstack([found["w"], found["b"]]), expected, atol=1e-3)


@pytest.mark.slow
def test_what_a_change_costs_keeps_it_small():
    model = SeparableSER(3, blocks=0)
    params = {name: w for name, w in model.init(RNG).items() if name.startswith(("hidden", "output"))}
    x, labels = RNG.standard_normal((30, 2 * UNITS)).astype(np.float32), RNG.integers(3, size=30)
    losses, changes = [], []
    for decay in (1e3, 1, 1e-1):
        found = refit(model.head, params, x, of_labels(labels), decay)
        assert all(found[name].dtype == np.float32 and found[name].shape == w.shape for name, w in params.items())
        losses.append(of_labels(labels)(model.head.forward(found, x)[0])[0])
        changes.append(sum(((found[name] - w) ** 2).sum() for name, w in params.items()))
    assert losses[0] > losses[1] > losses[2] and changes[0] < 1e-4 < changes[1] < changes[2]


def made_dataset(speakers=("a", "b"), each=6) -> Dataset:
    """Two emotions, louder and softer, of people who differ by far more than that."""
    utterances, log_mels = [], []
    for k, speaker in enumerate(speakers):
        for i in range(each):
            loud = i % 2
            utterances.append(Utterance(f"{speaker}{i}", "ab"[loud], speaker, waveform=np.zeros(1, np.float32)))
            x = RNG.standard_normal((40, BANDS)) + 20 * k + 2 * loud * np.sin(np.arange(40) / 3)[:, np.newaxis]
            log_mels.append(x.astype(np.float32))
    labels, n = np.array([u.label == "b" for u in utterances]).astype(int), len(utterances)
    return Dataset(utterances, ("a", "b"), labels, ("A",) * n, LogMels(log_mels), [0] * n)


SMALL = replace(recipe("paper"), blocks=0, steps=3, batch_size=4, keep="last", refit=0.01)


def trained(dataset: Dataset, members: np.ndarray, settings=SMALL):
    standardiser = Standardiser.fit(dataset.log_mels.select(members))
    split = Split(members, np.arange(0), np.arange(0))
    state = train(
        settings, dataset.standardised(standardiser), split, initial_state(settings, 2, len(members)), threads=1
    )
    return final_params(settings, state), standardiser


def test_training_ends_with_it():
    dataset, members = made_dataset(), np.arange(10)
    plain, _ = trained(dataset, members, replace(SMALL, refit=0))
    found, standardiser = trained(dataset, members)
    assert {name for name in plain if not np.array_equal(plain[name], found[name])} == {
        "hidden.w",
        "hidden.b",
        "hidden.slope",
        "output.w",
        "output.b",
    }
    model = network(SMALL, 2)
    with ThreadPoolExecutor(1) as pool:
        x, _ = head_inputs(model, plain, dataset.standardised(standardiser).log_mels.select(members), pool)
    head = {name: w for name, w in plain.items() if name.startswith(("hidden", "output"))}
    expected = refit(model.head, head, x, of_labels(dataset.labels[members]), 0.01)
    for name, w in expected.items():
        np.testing.assert_allclose(found[name], w, atol=1e-5)


def test_who_speaks_does_not_matter_to_the_head_of_people_who_are_known():
    """Shift and scale a person's statistics: with many known utterances, the answers stay."""
    statistics = RNG.standard_normal((400, 4 * UNITS)).astype(np.float32)
    labels = (statistics[:, 0] > 0).astype(int)
    head = SpeakerHead.fit(statistics, ["a"] * 200 + ["b"] * 200, 2, of_labels(labels), 0.01)
    here = statistics[:200]
    there = 3 * here + RNG.standard_normal(4 * UNITS).astype(np.float32)
    answers = [head.for_speaker(s).logits(s) for s in (here, there)]
    assert ((answers[0].argmax(1) == labels[:200]).mean(), (answers[1].argmax(1) == labels[:200]).mean()) == (1, 1)
    np.testing.assert_allclose(answers[1], answers[0], atol=0.15 * np.abs(answers[0]).max())
    together = head.standardised_by_speaker(np.concatenate([here, there]), ["c"] * 200 + ["d"] * 200)
    np.testing.assert_array_equal(together[:200], head.for_speaker(here).standardiser.apply(here))
    np.testing.assert_array_equal(together[200:], head.for_speaker(there).standardiser.apply(there))


def test_a_test_knows_all_of_a_speakers_utterances_and_nobody_elses():
    """Asked of some utterances, the head is given the others of the same people too; other people change nothing."""
    dataset, everybody = made_dataset(("a", "b", "c")), np.arange(18)
    params, standardiser = trained(dataset, everybody)
    head = speaker_head(SMALL, params, dataset, everybody, standardiser)
    r = Recogniser(network(SMALL, 2), params, dataset.classes, PAPER, standardiser, speaker_head=head)
    shown = dataset.standardised(dataset.speakers_standardisers(standardiser))
    with ThreadPoolExecutor(1) as pool:
        statistics = recognise(r.model, params, shown.log_mels, pool).statistics
    expected = softmax(head.logits_by_speaker(statistics, [u.speaker for u in dataset.utterances]))
    asked = np.array([1, 0, 8])
    strange = replace(shown, log_mels=LogMels([x + 9 * (i >= 12) for i, x in enumerate(shown.log_mels)]))
    for one in (shown, strange):
        found = [u.probabilities for u in evaluate(r, one, asked, 1, by_speaker=True).utterances]
        np.testing.assert_allclose(found, expected[asked], atol=1e-4)
    unlike = [u.probabilities for u in evaluate(r, shown, asked, 1).utterances]
    assert np.abs(np.array(unlike) - expected[asked]).max() > 1e-3


def test_it_learns_from_training_utterances_alone():
    dataset, members = made_dataset(), np.array([0, 1, 2, 3, 6, 7, 8, 9])
    params, standardiser = trained(dataset, members)
    head = speaker_head(SMALL, params, dataset, members, standardiser)
    frames = [x if i in members else x + 50 for i, x in enumerate(dataset.log_mels)]
    other = speaker_head(SMALL, params, replace(dataset, log_mels=LogMels(frames)), members, standardiser)
    np.testing.assert_array_equal(head.params["w"], other.params["w"])
    np.testing.assert_array_equal(head.standardiser.mean, other.standardiser.mean)


def test_without_names_of_speakers_there_is_none():
    dataset = made_dataset()
    params, standardiser = trained(dataset, np.arange(4))
    nameless = replace(dataset, utterances=[replace(u, speaker=None) for u in dataset.utterances])
    assert speaker_head(SMALL, params, nameless, np.arange(4), standardiser) is None
    assert speaker_head(replace(SMALL, refit=0), params, dataset, np.arange(4), standardiser) is None


@pytest.fixture(scope="module")
def with_head(recogniser):
    """The recogniser of random weights, with a head of random weights."""
    size = 4 * UNITS
    standardiser = Standardiser(np.zeros(size, np.float32), np.ones(size, np.float32))
    params = {"w": RNG.standard_normal((size, 3)).astype(np.float32), "b": np.zeros(3, np.float32)}
    return replace(recogniser, speaker_head=SpeakerHead(standardiser, params))


def sounds(n=4):
    rng = np.random.default_rng(1)
    envelope = np.abs(np.sin(np.arange(16000) / 1500)) ** 4
    tones = (np.sin(np.arange(16000) * rng.uniform(0.05, 0.2)) for _ in range(n))
    return [(0.3 * envelope * (tone + 0.1 * rng.standard_normal(16000))).astype(np.float32) for tone in tones]


def test_a_person_who_is_known_is_answered_by_it(with_head, recogniser, tmp_path):
    waveforms = sounds()
    assert (
        with_head.predict(waveforms[0], 16000).probabilities == recogniser.predict(waveforms[0], 16000).probabilities
    )
    person = with_head.for_speaker(waveforms, 16000)
    found = person.predict(waveforms[0], 16000)
    frames = [person._shown(person._power(w, "w"), "w")[0] for w in waveforms]
    with ThreadPoolExecutor(1) as pool:
        statistics = recognise(person.model, person.params, frames, pool).statistics
    expected = with_head.speaker_head.for_speaker(statistics).logits(statistics[:1])[0]
    shares = np.exp(expected - expected.max()) / np.exp(expected - expected.max()).sum()
    np.testing.assert_allclose(list(found.probabilities.values()), shares, atol=1e-4)
    person.save(tmp_path / "person.npz")
    assert load(tmp_path / "person.npz").predict(waveforms[0], 16000).probabilities == found.probabilities
    with pytest.raises(InputError, match="recogniser: is for one person"):
        onnx_model(person)


def test_a_damaged_head_is_refused(with_head, tmp_path):
    path = tmp_path / "model.npz"
    with_head.save(path)
    arrays, about = read_arrays(path, "model")
    np.testing.assert_array_equal(load(path).speaker_head.params["w"], with_head.speaker_head.params["w"])
    for damaged, message in (
        ({k: v for k, v in arrays.items() if k != "speaker_head.b"}, "the array speaker_head.b is missing"),
        (arrays | {"speaker_head.sd": 0 * arrays["speaker_head.sd"]}, "a standard deviation in speaker_head.sd"),
    ):
        write_arrays(path, damaged, about | {"kind": "model"})
        with pytest.raises(InputError, match=message):
            load(path)
