import inspect
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

import numser
from numser.audio import read_audio, to_mono_16k
from numser.errors import InputError
from numser.estimator import SpeechEmotionClassifier
from numser.recipe import NUMSER, PAPER, Recipe, recipe
from numser.runs import Config, run

TINY = dict(recipe="paper", blocks=0, steps=6, lr=1e-2, batch_size=8, threads=1)


def tones(count=16, seconds=0.1, rate=16_000, seed=0):
    """As many high tones (anger) as low ones (neutral), in turn."""
    rng, t = np.random.default_rng(seed), np.arange(int(seconds * rate)) / rate
    hertz = [(2000, 300)[i % 2] * rng.uniform(0.9, 1.1) for i in range(count)]
    sounds = [0.3 * np.sin(2 * np.pi * f * t) + 0.01 * rng.standard_normal(len(t)) for f in hertz]
    return sounds, ["anger", "neutral"] * (count // 2)


@pytest.fixture(scope="module")
def fitted():
    return SpeechEmotionClassifier(**TINY).fit(*tones())


def test_it_learns_from_waveforms(fitted):
    sounds, labels = tones(seed=1)
    assert list(fitted.predict(sounds)) == labels
    assert fitted.score(sounds, labels) == 1
    assert fitted.score(sounds, ["neutral", *labels[1:]]) == 1 - 1 / 16
    assert list(fitted.classes_) == ["anger", "neutral"]
    probabilities = fitted.predict_proba(sounds)
    assert probabilities.shape == (16, 2)
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)


def test_what_it_leaves_is_a_recogniser_like_any_other(fitted, tmp_path):
    fitted.recogniser_.save(tmp_path / "model.npz")
    (sound, *_), _ = tones(seed=1)
    probabilities = numser.load(tmp_path).predict(sound, 16_000).probabilities
    assert list(probabilities.values()) == pytest.approx(fitted.predict_proba([sound])[0], rel=1e-4)
    assert fitted.recogniser_.trained_on == "16 recordings given to fit"
    assert fitted.recogniser_.features.level == PAPER.level


@pytest.mark.slow
def test_it_trains_as_the_command_does_with_the_same_bits(tiny_corpus, tmp_path):
    """From files and from waveforms, with augmentation and all; and it writes no file."""
    how = recipe("numser", blocks=0, steps=3, batch_size=6, seed=5)
    config = Config("emodb", str(tiny_corpus), None, "03", how, train_on_validation=True)
    run(config, tmp_path / "run", threads=1)
    expected = numser.load(tmp_path / "run")
    files = [path for path in sorted((tiny_corpus / "wav").iterdir()) if not path.name.startswith("03")]
    labels = [{"W": "anger", "N": "neutral"}[path.stem[5]] for path in files]
    there_before = sorted(tmp_path.rglob("*"))
    for sounds in (files, list(map(str, files)), np.array(list(map(str, files))), list(map(read_audio, files))):
        classifier = SpeechEmotionClassifier(blocks=0, steps=3, batch_size=6, seed=5, threads=2).fit(sounds, labels)
        found = classifier.recogniser_
        assert (found.model, found.labels, found.features) == (expected.model, expected.labels, expected.features)
        np.testing.assert_array_equal(found.standardiser.mean, expected.standardiser.mean)
        for name, w in expected.params.items():
            np.testing.assert_array_equal(found.params[name], w)
    assert sorted(tmp_path.rglob("*")) == there_before


@pytest.mark.parametrize("labels", [[3, 7], [True, False], [1.0, 2.0], ["b", "a"]], ids=str)
def test_classes_keep_their_kind(labels):
    sounds, _ = tones(8)
    classifier = SpeechEmotionClassifier(**TINY | {"steps": 1}).fit(sounds, labels * 4)
    assert list(classifier.classes_) == sorted(labels)
    assert classifier.classes_.dtype == classifier.predict(sounds).dtype == np.array(labels).dtype
    assert classifier.recogniser_.labels == tuple(map(str, sorted(labels)))


def test_waveforms_of_another_rate():
    sounds, labels = tones(rate=8_000)
    low = SpeechEmotionClassifier(**TINY, sample_rate=8_000).fit(sounds, labels)
    known = SpeechEmotionClassifier(**TINY).fit([to_mono_16k(sound, 8_000) for sound in sounds], labels)
    others, _ = tones(4, rate=8_000, seed=1)
    expected = known.predict_proba([to_mono_16k(sound, 8_000) for sound in others])
    np.testing.assert_array_equal(low.predict_proba(others), expected)
    assert (known.predict_proba(others) != expected).any()


def test_without_validation_the_last_weights_are_kept(fitted):
    assert PAPER.keep == "best"
    assert len(fitted.history_) == 1 and np.isnan(fitted.history_[0].validation_ua)
    with pytest.raises(InputError, match=r"keep.*best.*: there is nothing to validate on"):
        SpeechEmotionClassifier(**TINY, keep="best").fit(*tones())


def test_validation_chooses_where_the_recipe_says_so():
    """The validation's labels are swapped: the less is learned, the better."""
    sounds, labels = tones(seed=1)
    validation = sounds, labels[::-1]
    every = SpeechEmotionClassifier(**TINY | {"validate_every": 1}).fit(*tones(), validation=validation)
    uas = [row.validation_ua for row in every.history_]
    assert len(uas) == 6 and uas[-1] < max(uas)
    assert 1 - every.score(sounds, labels) == max(uas)
    last = SpeechEmotionClassifier(**TINY | {"validate_every": 1}, keep="last").fit(*tones(), validation=validation)
    assert 1 - last.score(sounds, labels) == uas[-1]


def test_progress_is_shown_where_it_is_asked_for(capsys):
    sounds, labels = tones(8)
    how = TINY | {"validate_every": 3}
    SpeechEmotionClassifier(**how).fit(sounds, labels)
    assert capsys.readouterr() == ("", "")
    SpeechEmotionClassifier(**how, verbose=True).fit(sounds, labels, validation=(sounds, labels))
    out, err = capsys.readouterr()
    assert out == "" and [line.split("  ")[0] for line in err.splitlines()] == ["step 3/6", "step 6/6"]
    assert all("loss" in line and "validation UA" in line for line in err.splitlines())


def test_parameters_are_those_of_a_recipe_and_four_more():
    classifier = SpeechEmotionClassifier("paper", lr=1e-2)
    names = ["recipe", "sample_rate", "threads", "verbose", *(f.name for f in fields(Recipe))]
    assert list(classifier.get_params()) == names
    assert list(inspect.signature(SpeechEmotionClassifier).parameters) == names
    assert classifier.get_params()["lr"] == 1e-2 and classifier.get_params()["steps"] is None
    assert repr(classifier) == "SpeechEmotionClassifier(recipe='paper', lr=0.01)"
    assert classifier.set_params(steps=3, recipe=NUMSER) is classifier
    again = SpeechEmotionClassifier(**classifier.get_params())
    assert again.get_params() == classifier.get_params()
    with pytest.raises(TypeError, match="colour: there is no such hyper-parameter; choose from system, blocks, "):
        SpeechEmotionClassifier(colour="red")
    with pytest.raises(InputError, match="colour: there is no such parameter; choose from recipe, sample_rate"):
        classifier.set_params(colour="red")


def test_a_recipe_may_be_named_or_given():
    named = SpeechEmotionClassifier(**TINY).fit(*tones())
    given = SpeechEmotionClassifier(recipe("paper", blocks=0, steps=6), lr=1e-2, batch_size=8).fit(*tones())
    sounds, _ = tones(seed=1)
    np.testing.assert_array_equal(named.predict_proba(sounds), given.predict_proba(sounds))
    other = SpeechEmotionClassifier(**TINY, seed=1).fit(*tones())
    assert (named.predict_proba(sounds) != other.predict_proba(sounds)).any()


SOUNDS, LABELS = tones(4)


@pytest.mark.parametrize(
    ("sounds", "labels", "match"),
    [
        ("a.wav", ["a"], "X: should be a list of waveforms or of paths, found str"),
        (Path("a.wav"), ["a"], "X: should be a list of waveforms or of paths, found .*Path"),
        (3, ["a"], "X: should be a list of waveforms or of paths, found int"),
        ([], [], "X: holds no recording; give at least one"),
        (SOUNDS[0], LABELS, r"y: should be 1600 labels, one for each recording, found shape \(4,\)"),
        (SOUNDS[0][:4], LABELS, r"X\[0\]: shape should be \(samples,\)"),
        (SOUNDS, LABELS[:3], r"y: should be 4 labels, one for each recording, found shape \(3,\)"),
        (SOUNDS, [[label] for label in LABELS], r"found shape \(4, 1\)"),
        (SOUNDS, None, "fit requires y to be passed, but the target y is None"),
        (SOUNDS, ["a"] * 4, "y: has only 1 class, a, and at least two are needed"),
        (SOUNDS, [0.5, 1, 2, 3], "y: labels should be names or whole numbers, found continuous ones or NaN"),
        (SOUNDS, [0, 1, 2, np.nan], "y: labels should be names or whole numbers"),
        (SOUNDS, np.array(["a", "b", "b", None], object), "y: labels should all be of one kind"),
        ([*SOUNDS[:3], np.zeros(1600)], LABELS, r"X\[3\]: every sample is zero"),
        ([*SOUNDS[:3], SOUNDS[3][:100]], LABELS, r"X\[3\]: lasts 6 ms"),
        ([*SOUNDS[:3], SOUNDS[3] * np.nan], LABELS, r"X\[3\]: some samples are NaN"),
        ([*SOUNDS[:3], SOUNDS[3].astype(complex)], LABELS, r"X\[3\]: samples should be floats"),
        ([*SOUNDS[:3], "no.wav"], LABELS, "no.wav: cannot be opened"),
    ],
)
def test_what_cannot_be_learned_from(sounds, labels, match):
    with pytest.raises(InputError, match=match):
        SpeechEmotionClassifier(**TINY).fit(sounds, labels)


def test_what_cannot_be_validated_on():
    fit = SpeechEmotionClassifier(**TINY).fit
    with pytest.raises(InputError, match=r"validation\[1\]: y has no recording of joy; leave those out"):
        fit(SOUNDS, LABELS, validation=(SOUNDS[:1], ["joy"]))
    with pytest.raises(InputError, match=r"validation\[0\]\[1\]: lasts 6 ms"):
        fit(SOUNDS, LABELS, validation=([SOUNDS[0], SOUNDS[1][:100]], LABELS[:2]))
    with pytest.raises(InputError, match=r"validation\[1\]: should be 2 labels"):
        fit(SOUNDS, LABELS, validation=(SOUNDS[:2], LABELS))


@pytest.mark.parametrize("name", ["nonesuch", None, 3])
def test_a_recipe_that_does_not_exist(name):
    with pytest.raises(InputError, match=f"recipe: should be a Recipe or one of numser, paper, found {name!r}"):
        SpeechEmotionClassifier(name).fit(*tones())


def test_a_hyper_parameter_that_cannot_work_is_seen_by_fit():
    classifier = SpeechEmotionClassifier(**TINY).set_params(batch_size=0)
    with pytest.raises(InputError, match=r"batch.size.* should be from 1 to 10000"):
        classifier.fit(*tones())


@pytest.mark.slow
def test_all_of_it_works_without_scikit_learn():
    program = (
        "import sys; sys.modules['sklearn'] = None\n"
        "from numser.errors import InputError\n"
        "from test_estimator import TINY, SpeechEmotionClassifier, tones\n"
        "classifier = SpeechEmotionClassifier(**TINY)\n"
        "try: classifier.predict(tones()[0])\n"
        "except InputError as mistake: print(mistake)\n"
        "print(classifier.fit(*tones()).score(*tones(seed=1)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=Path(__file__).parent, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["this classifier has learned nothing yet; call fit first", "1.0"]
