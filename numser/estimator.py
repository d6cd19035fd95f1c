"""Training as one object with scikit-learn's interface: fit on recordings, predict, score.

    classifier = SpeechEmotionClassifier(steps=300).fit(waveforms, labels)
    classifier.score(others, labels_of_others)
    classifier.recogniser_.save("model.npz")

It trains as `python -m numser.train` does, and writes no files. scikit-learn is not needed; where it is installed
(1.6 or newer, the extra "sklearn"), its cross-validation, searches and pipelines take this class as one of their own.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from importlib import import_module
from inspect import Parameter, Signature
from pathlib import Path
from typing import Any

import numpy as np

from numser.audio import SAMPLE_RATE, to_mono_16k
from numser.augment import Augmentation
from numser.corpora import Corpus, Utterance
from numser.dataset import Dataset, prepare
from numser.errors import InputError
from numser.features import FeatureSettings, Standardiser
from numser.inference import recognise
from numser.losses import softmax
from numser.recipe import OF_SYSTEMS, RECIPES, Recipe
from numser.recogniser import Recogniser
from numser.splits import Split
from numser.threads import available_cores, one_blas_thread
from numser.training import (
    State,
    Validation,
    feature_settings,
    final_params,
    initial_state,
    network,
    train,
    training_pieces,
)

_CHANGES = tuple(f.name for f in fields(Recipe))
_DEFAULTS: dict[str, Any] = {
    "recipe": "numser",
    "sample_rate": SAMPLE_RATE,
    "threads": None,
    "verbose": False,
    **dict.fromkeys(_CHANGES),
}


class SpeechEmotionClassifier:
    """A classifier of recordings. Each is a sound file's path, or a waveform; of more than 7 s the middle is heard.

    recipe         "numser", "paper", or a `Recipe`: has the hyper-parameters that are not given
    sample_rate    of the waveforms, in Hz; files have their own
    threads        None: all cores, in each of scikit-learn's workers too. The result does not depend on it
    verbose        show progress, on standard error
    **changes      any field of `numser.recipe.Recipe`, such as steps, seed, lr, blocks; None: as the recipe has it

    What `fit` leaves:

    classes_       (K,) the labels, sorted
    recogniser_    a `Recogniser`, to save or to use
    history_       the learning curve, a `Validation` each few steps
    """

    def __init__(self, recipe="numser", *, sample_rate=SAMPLE_RATE, threads=None, verbose=False, **changes):
        if unknown := sorted(changes.keys() - set(_CHANGES)):
            raise TypeError(f"{unknown[0]}: there is no such hyper-parameter; choose from {', '.join(_CHANGES)}")
        self.recipe, self.sample_rate, self.threads, self.verbose = recipe, sample_rate, threads, verbose
        vars(self).update(dict.fromkeys(_CHANGES) | changes)

    classes_: np.ndarray
    recogniser_: Recogniser
    history_: list[Validation]

    def fit(
        self, X: Sequence, y: Sequence, *, validation: tuple[Sequence, Sequence] | None = None
    ) -> "SpeechEmotionClassifier":
        """Train on recordings X with the labels y. The learning curve follows `validation`, which has others of both.

        Without validation the weights of the last step are kept, also by the paper's recipe.

        Shapes      X: a list of paths, or of waveforms (samples,) or (samples, channels), or an array (B, samples)
                    y (B,) names or whole numbers
        Raises      InputError: a recording cannot be used (the message begins with its path or X[i]); the labels do
                    not fit them, or are fewer than two; a hyper-parameter cannot work
        """
        recipe = self._recipe(validated=validation is not None)
        sounds = _sounds(X)
        labels = _labels(y, len(sounds))
        classes = _classes(labels)
        count, names = len(sounds), tuple(map(str, classes))
        utterances = self._utterances(sounds, labels)
        if validation is not None:
            others = _sounds(validation[0], "validation[0]")
            truth = _labels(validation[1], len(others), "validation[1]")
            if len(unheard := np.setdiff1d(truth, classes)):
                raise InputError(f"validation[1]: y has no recording of {unheard[0]}; leave those out")
            utterances += self._utterances(others, truth, "validation[0]")
        features = feature_settings(recipe)
        dataset = self._dataset(utterances, names, features)
        split = Split(np.arange(count), np.arange(count, len(utterances)), np.arange(0))
        standardiser = Standardiser.fit(dataset.log_mels.select(range(count)))
        each = [standardiser] * len(utterances)
        state = train(
            recipe,
            dataset.standardised(each),
            split,
            initial_state(recipe, len(names), len(training_pieces(recipe, dataset.log_mels.lengths, split.train))),
            augmentation=Augmentation(recipe, features, dataset.log_mels, each) if recipe.augments else None,
            threads=self.threads,
            **(_progress(recipe.steps) if self.verbose else {}),
        )
        model, params = network(recipe, len(names)), final_params(recipe, state)
        origin = f"{count} recordings given to fit"
        self.recogniser_ = Recogniser(model, params, names, features, standardiser, origin)
        self.classes_, self.history_ = classes, state.history
        return self

    def predict_proba(self, X: Sequence) -> np.ndarray:
        """Probabilities (B, K) of the classes, in the order of `classes_`; also where nobody speaks.

        Raises      InputError: a recording cannot be used; `fit` was not called (where scikit-learn is installed, its
                    NotFittedError)
        """
        if not hasattr(self, "recogniser_"):
            raise _not_fitted()
        r, sounds = self.recogniser_, _sounds(X)
        utterances = self._utterances(sounds, [r.labels[0]] * len(sounds))  # which label is not looked at
        dataset = self._dataset(utterances, r.labels, r.features).standardised(r.standardiser)
        with one_blas_thread(), ThreadPoolExecutor(self.threads or available_cores()) as pool:
            logits = recognise(r.model, r.params, dataset.log_mels, pool).logits
        if not np.isfinite(logits).all():
            raise InputError("X: the model's numbers grow beyond all bounds on it; fit it anew")
        return softmax(logits)

    def predict(self, X: Sequence) -> np.ndarray:
        """The most probable class (B,) of each. Raises what `predict_proba` does."""
        best = self.predict_proba(X).argmax(1)
        return self.classes_[best]

    def score(self, X: Sequence, y: Sequence) -> float:
        """The share that is recognised, WA; UA is scikit-learn's scoring="balanced_accuracy"."""
        predicted = self.predict(X)
        return float(np.mean(predicted == _labels(y, len(predicted))))

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """All parameters by name. `deep` changes nothing: none has parameters of its own."""
        return {name: getattr(self, name) for name in _DEFAULTS}

    def set_params(self, **params: Any) -> "SpeechEmotionClassifier":
        """Change parameters; whether they can work is seen by `fit`.

        Raises      InputError: there is no such parameter
        """
        for name in params:
            if name not in _DEFAULTS:
                raise InputError(f"{name}: there is no such parameter; choose from {', '.join(_DEFAULTS)}")
        vars(self).update(params)
        return self

    def __repr__(self) -> str:
        changed = [f"{name}={v!r}" for name, v in self.get_params().items() if v != _DEFAULTS[name]]
        return f"{type(self).__name__}({', '.join(changed)})"

    def __sklearn_tags__(self) -> Any:
        tags = import_module("sklearn.utils")
        return tags.Tags(
            estimator_type="classifier",
            target_tags=tags.TargetTags(required=True),
            classifier_tags=tags.ClassifierTags(),
            input_tags=tags.InputTags(one_d_array=True, three_d_array=True, string=True),
        )

    def _recipe(self, validated: bool) -> Recipe:
        if not isinstance(self.recipe, Recipe) and self.recipe not in RECIPES:
            raise InputError(f"recipe: should be a Recipe or one of {', '.join(RECIPES)}, found {self.recipe!r}")
        changes = {name: value for name in _CHANGES if (value := getattr(self, name)) is not None}
        named = self.recipe if isinstance(self.recipe, Recipe) else RECIPES[self.recipe]
        base = OF_SYSTEMS.get(changes.get("system", ""), named)
        return replace(base, **({} if validated else {"keep": "last"}) | changes)

    def _utterances(self, sounds: list, labels: Sequence | np.ndarray, name: str = "X") -> list[Utterance]:
        utterances = []
        for i, (sound, label) in enumerate(zip(sounds, labels, strict=True)):
            path = waveform = None
            if isinstance(sound, str | os.PathLike):
                path = Path(sound)
            else:
                waveform = to_mono_16k(sound, self.sample_rate, f"{name}[{i}]")
            utterances.append(Utterance(f"{name}[{i}]", str(label), path=path, waveform=waveform))
        return utterances

    def _dataset(self, utterances: list[Utterance], names: tuple[str, ...], features: FeatureSettings) -> Dataset:
        return prepare(Corpus("X", utterances, []), features, self.threads, classes=names)


# What editors, notebooks and scikit-learn take for the parameters: each field of a Recipe by its name.
SpeechEmotionClassifier.__init__.__signature__ = Signature(  # type: ignore[attr-defined]
    [
        Parameter("self", Parameter.POSITIONAL_OR_KEYWORD),
        Parameter("recipe", Parameter.POSITIONAL_OR_KEYWORD, default=_DEFAULTS["recipe"]),
        *(Parameter(name, Parameter.KEYWORD_ONLY, default=v) for name, v in _DEFAULTS.items() if name != "recipe"),
    ]
)


def _sounds(X: Sequence, name: str = "X") -> list:
    """A list of what may be paths or waveforms."""
    sounds: Any = np.asarray(X) if hasattr(X, "__array__") else X  # a column of a data frame, too
    if isinstance(sounds, str | os.PathLike) or not np.iterable(sounds):
        raise InputError(f"{name}: should be a list of waveforms or of paths, found {type(X).__name__}")
    sounds = list(sounds)
    if not sounds:
        raise InputError(f"{name}: holds no recording; give at least one")
    return sounds


def _labels(y: Sequence, count: int, name: str = "y") -> np.ndarray:
    """Labels as an array (B,)."""
    if y is None:
        raise InputError("fit requires y to be passed, but the target y is None")
    labels = np.asarray(y)
    if labels.shape != (count,):
        raise InputError(f"{name}: should be {count} labels, one for each recording, found shape {labels.shape}")
    if labels.dtype.kind == "f" and not (labels == np.trunc(labels)).all():
        raise InputError(f"{name}: labels should be names or whole numbers, found continuous ones or NaN")
    return labels


def _classes(labels: np.ndarray) -> np.ndarray:
    try:
        classes = np.unique(labels)
    except TypeError:
        raise InputError("y: labels should all be of one kind, such as text; found several, or gaps") from None
    if len(classes) < 2:
        raise InputError(f"y: has only 1 class, {classes[0]}, and at least two are needed")
    return classes


def _not_fitted() -> Exception:
    sentence = "this classifier has learned nothing yet; call fit first"
    try:
        return import_module("sklearn.exceptions").NotFittedError(sentence)
    except ImportError:
        return InputError(sentence)


def _progress(steps: int) -> dict[str, Any]:
    """What tells, while training, how far it is."""
    from numser.cli import Progress
    from numser.runs import Follower

    progress = Progress()
    follower = Follower(progress, steps, first=0)

    def on_step(state: State, loss: float) -> bool:
        follower.step(state, loss)
        if state.step == steps:
            progress.clear()
        return False

    return {"on_step": on_step, "on_validation": follower.validation}
