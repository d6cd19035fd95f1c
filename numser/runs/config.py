"""What a training run is asked to do."""

import re
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from numser import splits
from numser.corpora import READING, Corpus, load_corpus
from numser.declared import from_json
from numser.errors import InputError, quoted
from numser.recipe import OF_SYSTEMS, RECIPES, STANDARDISE, Recipe, flag_of
from numser.splits import Split


@dataclass(frozen=True)
class Config:
    """What a run is asked to do. Its JSON, and its recipe's, is what `dataclasses.asdict` makes of it; what a run of
    an older numser does not say has its default, which did as the paper."""

    corpus: str
    data: str | None
    fold: int | None  # either this …
    test_speaker: str | None  # … or this is given: one speaker, or several with commas between; or …
    recipe: Recipe
    train_on_all: bool = False  # … all utterances train, for use: nothing is left to validate or to test
    train_on_validation: bool = False  # the utterances that would validate train as well, and nothing validates
    standardise: str = "corpus"  # or "speaker": each speaker's frames by all of the speaker's own, labels unseen
    subsets: int = splits.SUBSETS  # of which a fold's test is one
    layout: str | None = None  # these three: how the corpus is read, see numser.corpora.READING
    table: str | None = None
    encoding: str | None = None

    def __post_init__(self) -> None:
        if [self.fold is not None, self.test_speaker is not None, self.train_on_all].count(True) != 1:
            raise ValueError("one of fold, test_speaker and train_on_all should be given")
        if self.standardise not in STANDARDISE:
            raise InputError(f"‹standardise› {quoted(self.standardise)}: should be one of {', '.join(STANDARDISE)}")
        if self.subsets < splits.FEWEST:
            raise InputError(
                f"‹subsets› {self.subsets}: should be at least {splits.FEWEST}, to train, to validate and to test"
            )
        if self.subsets != splits.SUBSETS and self.fold is None:
            raise InputError(f"‹subsets› {self.subsets}: is for random subsets; with speakers left out, leave it out")
        if self.recipe.keep == "best" and (self.train_on_validation or self.train_on_all):
            option = "train_on_all" if self.train_on_all else "train_on_validation"
            raise InputError(f"‹{option}›: ‹keep› best needs the validation to choose by; use ‹keep› last")

    def load(self, offline: bool = False) -> Corpus:
        """The corpus, from where it is.

        Raises      InputError: `data` is empty; what `load_corpus` raises
        """
        if self.data == "":
            raise InputError("‹data›: is empty; name the corpus's folder")
        data = None if self.data is None else Path(self.data)
        return load_corpus(self.corpus, data, offline=offline, **self.reading)

    @property
    def reading(self) -> dict[str, str | None]:
        """What the corpus is told about how to read it."""
        return {option: getattr(self, option) for option in READING}

    def split(self, corpus: Corpus) -> Split:
        """The corpus's utterances for training, validation and test."""
        if self.train_on_all:
            everything = np.arange(len(corpus.utterances))
            return Split(everything, everything[:0], everything[:0])
        if self.fold is not None:
            split = splits.fold(corpus.utterances, self.fold, self.subsets)
        else:
            speakers = splits.speakers_of(str(self.test_speaker), corpus.utterances)
            split = splits.leave_speakers_out(corpus.utterances, speakers)
        return splits.training_on_validation(split) if self.train_on_validation else split

    @property
    def split_name(self) -> str:
        """The split in words, for file names too."""
        if self.train_on_all:
            return "all"
        return f"fold{self.fold}" if self.test_speaker is None else "speaker" + re.sub(r"\W", "-", self.test_speaker)

    def options(self) -> list[str]:
        """The words by which `python -m numser.train` does the same again."""
        words = _options(self, {f.name: f.default for f in fields(self)})
        if named := OF_SYSTEMS.get(self.recipe.system):
            return [*words, "--system", self.recipe.system, *_options(self.recipe, vars(named))]
        changes = {name: _options(self.recipe, vars(named)) for name, named in RECIPES.items()}
        name = min(changes, key=lambda name: len(changes[name]))
        return words + ([] if name == "numser" else ["--recipe", name]) + changes[name]

    @classmethod
    def from_json(cls, values: Any, name: str = "config") -> "Config":
        """The reverse of `dataclasses.asdict`.

        Raises      ValueError: the values are not a configuration's; one is from a numser that knows more
        """
        config = from_json(cls, values, name)
        for given, known in ((values, config), (values["recipe"], config.recipe)):
            if strange := sorted(given.keys() - vars(known)):
                raise ValueError(f"{name} has {quoted(strange[0])}, which this version does not know")
        return config


# What an option of its own says, in every command that trains.
_WHAT = ("corpus", "data", "fold", "test_speaker", "train_on_all", "recipe")
HOW = [f.name for f in fields(Config) if f.name not in _WHAT]


def _options(of: Any, usual: dict[str, Any]) -> list[str]:
    """Options for what is not as usual."""
    words = []
    for name, value in vars(of).items():
        if value is not None and value != usual[name] and name != "recipe":
            words += [flag_of(name)] if isinstance(value, bool) else [flag_of(name), str(value)]
    return words


def with_changes(config: Config, data: str | None = None, steps: int | None = None) -> Config:
    """What may change when a run is resumed: where the corpus is, and how long training goes on.

    A run that goes on for longer ends with the bits of one that was that long from the start, provided that its old
    end was a multiple of `validate_every`: the last step is always followed by a validation.

    Raises      InputError: the learning rate falls over the number of steps, or the head is refitted after them, so
                that another number is another training
    """
    config = config if data is None else replace(config, data=data)
    recipe = config.recipe
    if steps is not None and steps != recipe.steps and (recipe.schedule != "constant" or recipe.refit):
        falls = f"this run's learning rate falls to 0 over {recipe.steps} steps"
        refits = f"this run's last layers learn once more after {recipe.steps} steps"
        raise InputError(
            f"‹steps› {steps}: {falls if recipe.schedule != 'constant' else refits}, so that it cannot go on for "
            f"longer; start a new run in another ‹out›"
        )
    return config if steps is None else replace(config, recipe=replace(config.recipe, steps=steps))
