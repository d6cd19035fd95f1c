"""What a training run found."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from numser.errors import InputError, quoted
from numser.evaluation import AMOUNT, SHARE, Result
from numser.files import read_json
from numser.recipe import SEED
from numser.runs.config import Config


@dataclass(frozen=True, kw_only=True)
class RunResult(Result):
    """A run's test, and where it comes from: what is in result.json. Defaults are of what older runs do not say."""

    validation_labels: list[str] | None = None  # which of the labels validated
    config: Config
    corpus: str
    corpus_identity: str | None = None  # the same for the same recordings
    corpus_path: str | None = None
    seed: int = field(metadata=SEED)
    best_step: int  # whose weights were tested
    best_validation_ua: float | None = field(
        metadata=SHARE
    )  # of that step; None where what would validate trained as well
    seconds: float = field(metadata=AMOUNT)
    threads: int | None = None
    date: str | None = None  # when it ended, as ISO 8601 in UTC
    versions: dict[str, str]
    machine: str
    example: str | None = None  # a file to try the model on

    def __post_init__(self) -> None:
        super().__post_init__()
        validated = self.validation_labels
        if validated is None or (validated == [] and self.best_validation_ua is None):
            return
        if not validated or len(set(validated)) < len(validated) or not set(validated) <= set(self.labels):
            raise ValueError(f"validation_labels should be different ones of the labels, found {quoted(validated)}")

    @property
    def training(self) -> tuple[Any, ...]:
        """What tells the trainings of a cross-validation apart: the split, then the seed."""
        return self.config.fold, self.config.test_speaker, self.seed


def read_result(path: Path) -> RunResult:
    """A run's result.json.

    Raises      InputError: it cannot be read, or something that a result has is missing or cannot be
    """
    values = read_json(path)
    try:
        return RunResult.from_json(values)
    except ValueError as error:
        raise InputError(f"{path}: is damaged: {error}; take it away, and the run is tested anew") from None
