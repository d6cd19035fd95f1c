"""All that decides how a network is made and trained. The defaults are the paper's."""

from dataclasses import dataclass

from numser.errors import InputError

LOSSES = ("ce", "focal", "soft", "lq")


@dataclass(frozen=True)
class Recipe:
    """The hyper-parameters of a training.        Paper §4.2

    Raises      InputError: a value that cannot work
    """

    blocks: int = 4  # inverted residuals
    attention: bool = True
    tied: bool = True
    dropout: float = 0.0
    loss: str = "ce"
    lambda_b: float = 1.0  # focal loss: λ of utterances of medium difficulty
    lambda_c: float = 2.0  # focal loss: λ of hard utterances
    beta: float = 0.3  # soft bootstrapping: the label's share
    q: float = 0.7  # L_q's exponent
    steps: int = 2200
    batch_size: int = 64
    lr: float = 3e-4
    clip: float = 5.0
    validate_every: int = 10
    seed: int = 0

    def __post_init__(self):
        lowest = {"blocks": 0, "steps": 1, "batch_size": 1, "validate_every": 1, "seed": 0}
        for name, least in lowest.items():
            if getattr(self, name) < least:
                raise InputError(f"{_option(name)} {getattr(self, name)}: should be at least {least}")
        for name in ("lr", "clip"):
            if not 0 < getattr(self, name) < float("inf"):
                raise InputError(f"{_option(name)} {getattr(self, name)}: should be a positive number")
        for name in ("lambda_b", "lambda_c"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise InputError(f"{_option(name)} {getattr(self, name)}: should be 0 or a positive number")
        if not 0 <= self.beta <= 1:
            raise InputError(f"--beta {self.beta}: should be from 0 to 1")
        if not 0 < self.q <= 1:
            raise InputError(f"--q {self.q}: should be above 0 and at most 1")
        if not 0 <= self.dropout < 1:
            raise InputError(f"--dropout {self.dropout}: should be at least 0 and below 1")
        if self.loss not in LOSSES:
            raise InputError(f"--loss {self.loss}: should be one of {', '.join(LOSSES)}")


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")
