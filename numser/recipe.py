"""All that decides how a network is made and trained: two named recipes, `numser` and `paper`, and one a system.

The fields' defaults are the paper's. What `numser` changes, and why, stands at the end of this file; how it was
chosen, on validation data alone, in benchmarks/results/recipe.md. The recipe of a system that the paper's Table 5
compares with is its authors', as far as it is known (numser/systems).
"""

from argparse import ArgumentParser
from dataclasses import Field, dataclass, field, fields, replace
from typing import Any, NamedTuple

from numser.cli import option
from numser.errors import InputError, option_of

SHORTEST_CROP = 0.1  # seconds
SEED = {"least": 0, "most": 2**128 - 1}  # what NumPy makes of it
STANDARDISE = ("corpus", "speaker")
NETWORK, LEARNING, AUGMENTATION = "the network", "how to train", "what training does to each log-mel it shows"


SYSTEMS = ("separable", "acrnn", "acrnn-pool2", "drn", "drn-late", "bcrnn", "bcrnn-real")
_OF_SEPARABLE = ("attention", "tied", "dropout", "init", "refit")  # what the others' networks do not have


class Loss(NamedTuple):
    """A loss in words."""

    name: str
    settings: dict[str, str]  # its hyper-parameters, by the letters they have in the paper
    help: str


LOSSES = {
    "ce": Loss("weighted cross-entropy", {}, "weighted cross-entropy"),
    "focal": Loss(
        "focal",
        {"λ_B": "lambda_b", "λ_C": "lambda_c"},
        "what listeners found hard need not be answered with certainty",
    ),
    "soft": Loss(
        "soft bootstrapping",
        {"β": "beta"},
        "soft bootstrapping, which replaces a part of the label by the network's own belief",
    ),
    "lq": Loss("L_q", {"q": "q"}, "L_q, which lets utterances go that do not fit"),
}


def _of(default: Any, group: str, help: str, least: float | None = None, most: float | None = None, **limits) -> Any:
    """A hyper-parameter with its help and its bounds. `above` and `below` are bounds that it may not reach."""
    return field(default=default, metadata={"group": group, "help": help, "least": least, "most": most, **limits})


@dataclass(frozen=True)
class Recipe:
    """The hyper-parameters of a training.        Paper §4.2

    Raises      InputError: a value that cannot work
    """

    system: str = _of(
        "separable",
        NETWORK,
        "separable, the paper's network; or one that its Table 5 compares with, with a recipe of its own",
        choices=SYSTEMS,
    )
    blocks: int = _of(
        4, NETWORK, "inverted residual blocks; of another --system, convolutions, or residual blocks a width", 0, 100
    )
    attention: bool = _of(True, NETWORK, "use the GRU's last states instead")
    tied: bool = _of(True, NETWORK, "own weights for each direction of the GRU")
    dropout: float = _of(0.0, NETWORK, "share of units left out before the hidden layer", 0, below=1)
    level: str = _of(
        "absolute",
        NETWORK,
        "what 0 dB of a log-mel is: absolute, full scale; speech, the recording's own level, so that the "
        "microphone's gain does not matter",
        choices=("absolute", "speech"),
    )
    loss: str = _of(
        "ce", LEARNING, "; ".join(f"{name}: {loss.help}" for name, loss in LOSSES.items()), choices=tuple(LOSSES)
    )
    lambda_b: float = _of(1.0, LEARNING, "focal loss: λ of utterances of medium difficulty", 0)
    lambda_c: float = _of(2.0, LEARNING, "focal loss: λ of hard utterances", 0)
    beta: float = _of(0.3, LEARNING, "soft bootstrapping: the label's share, 0 to 1", 0, 1)
    q: float = _of(0.7, LEARNING, "L_q's exponent, above 0 and at most 1", None, 1, above=0)
    smoothing: float = _of(0.0, LEARNING, "share of each label that goes to all emotions alike", 0, below=1)
    init: str = _of(
        "glorot",
        LEARNING,
        "the convolutions' first weights: glorot, as TensorFlow draws them; he, so that no layer shrinks the signal",
        choices=("glorot", "he"),
    )
    steps: int = _of(2200, LEARNING, "training steps", 1)
    batch_size: int = _of(64, LEARNING, "utterances a step", 1, 10_000)
    lr: float = _of(3e-4, LEARNING, "learning rate of Adam, at its highest", above=0)
    warm_up: int = _of(0, LEARNING, "steps in which the learning rate rises to --lr", 0)
    schedule: str = _of(
        "constant",
        LEARNING,
        "the learning rate after that: constant, or falling to 0 along a cosine",
        choices=("constant", "cosine"),
    )
    weight_decay: float = _of(
        0.0, LEARNING, "share of each weight, times the learning rate, that a step takes away", 0
    )
    clip: float = _of(5.0, LEARNING, "largest norm of the gradient", above=0)
    average: float = _of(
        0.0, LEARNING, "moving average of the weights: what each step keeps of it, 0 for none", 0, below=1
    )
    keep: str = _of(
        "best",
        LEARNING,
        "the weights that a training ends with: best, those of the best validation; last, the (averaged) ones of the "
        "last step",
        choices=("best", "last"),
    )
    refit: float = _of(
        0.0,
        LEARNING,
        "at the end, the last two layers learn once more, from whole recordings as they are: what a change of theirs "
        "costs; 0: they do not",
        0,
    )
    temperature: float = _of(
        1.0,
        LEARNING,
        "divides the trained network's logits: more makes it less sure of the same answers, less surer; "
        "numser.crossval tells which fits",
        0.05,
        20,
    )
    validate_every: int = _of(10, LEARNING, "steps between validations", 1)
    crop: float = _of(0.0, AUGMENTATION, "seconds of a longer utterance that are shown, 0 for all", 0, 3600)
    tempo: float = _of(1.0, AUGMENTATION, "as many times as fast, or as slow, at most", 1, 4)
    warp: float = _of(1.0, AUGMENTATION, "frequencies stretched, or shrunk, by at most this factor", 1, 4)
    shift: float = _of(0.0, AUGMENTATION, "bands up or down, at most", 0, 64)
    offset: float = _of(0.0, AUGMENTATION, "louder or softer: standard deviation, in that of a band", 0)
    tilt: float = _of(0.0, AUGMENTATION, "brighter or duller: standard deviation at both ends, in that of a band", 0)
    masks: int = _of(0, AUGMENTATION, "rows and columns that are blotted out: so many of each", 0, 100)
    noise: float = _of(
        0.0,
        AUGMENTATION,
        "share of utterances that get noise, 5 to 35 dB below the speech; half of these a click",
        0,
        1,
    )
    band_limit: float = _of(0.0, AUGMENTATION, "share of utterances that lose all above 3.4 to 6 kHz", 0, 1)
    seed: int = field(default=0, metadata=SEED)

    def __post_init__(self):
        for f in fields(self):
            if fault := _fault(f, getattr(self, f.name)):
                raise InputError(f"‹{f.name}› {str(getattr(self, f.name))[:80]}: {fault}")
        if 0 < self.crop < SHORTEST_CROP:
            raise InputError(f"‹crop› {self.crop}: should be 0, or at least {SHORTEST_CROP} seconds")
        for f in fields(self) if self.system != "separable" else ():
            strange = f.name in _OF_SEPARABLE or f.metadata.get("group") == AUGMENTATION
            if strange and getattr(self, f.name) != f.default:
                option = flag_of(f.name).removeprefix("--")
                raise InputError(f"‹{option}›: is not for ‹system› {self.system}, but for the paper's network alone")

    @property
    def augments(self) -> bool:
        """Whether training changes what it shows."""
        return any(
            getattr(self, f.name) != f.default for f in fields(self) if f.metadata.get("group") == AUGMENTATION
        )

    @property
    def loss_in_words(self) -> tuple[str, str]:
        """The loss's name and its settings: "focal" and "λ_B 1, λ_C 2"."""
        loss = LOSSES[self.loss]
        return loss.name, ", ".join(f"{letter} {getattr(self, f):g}" for letter, f in loss.settings.items())


def _fault(f: Field, value: Any) -> str | None:
    """What is wrong with a hyper-parameter's value."""
    if choices := f.metadata.get("choices"):
        return None if value in choices else f"should be one of {', '.join(choices)}"
    if isinstance(f.default, bool):
        return None
    least, most, above, below = (f.metadata.get(bound) for bound in ("least", "most", "above", "below"))
    fits = (least is None or value >= least) and (most is None or value <= most) and abs(value) < float("inf")
    fits = fits and (above is None or value > above) and (below is None or value < below)  # NaN fits nowhere
    if fits:
        return None
    if most is not None:
        return f"should be from {least} to {most}" if above is None else f"should be above {above} and at most {most}"
    if below is not None:
        return f"should be at least {least} and below {below}"
    if above is not None:
        return "should be a positive number"
    return f"should be at least {least}" if isinstance(f.default, int) else f"should be {least} or a positive number"


PAPER = Recipe()

# The same network and loss. The learning rate rises, then falls to 0, while a moving average of the weights smooths
# what single steps do: so the end is a good moment, and no validation has to choose one. Few recordings of few people
# are shown as many others might have sounded: faster, brighter, another voice, another microphone, another room.
NUMSER = Recipe(
    level="speech",
    init="he",
    dropout=0.3,
    smoothing=0.1,
    steps=600,
    batch_size=32,
    lr=2e-3,
    warm_up=30,
    schedule="cosine",
    weight_decay=0.1,
    average=0.99,
    keep="last",
    refit=0.01,
    validate_every=50,
    crop=2.0,
    tempo=1.18,
    warp=1.2,
    shift=1.5,
    offset=0.3,
    tilt=0.3,
    masks=2,
    noise=0.4,
    band_limit=0.3,
)

RECIPES = {"numser": NUMSER, "paper": PAPER}

# An epoch of the whole Emo-DB is about 15 steps.
ACRNN = Recipe(
    system="acrnn", blocks=5, level="speech", steps=1000, batch_size=40, lr=1e-4, keep="best", validate_every=15
)

DRN = Recipe(system="drn", blocks=2, level="speech", steps=840, batch_size=32, keep="best", validate_every=14)

OF_SYSTEMS = {
    **{name: replace(ACRNN, system=name) for name in ("acrnn", "acrnn-pool2", "bcrnn", "bcrnn-real")},
    **{name: replace(DRN, system=name) for name in ("drn", "drn-late")},
}


def recipe(recipe: str | None = None, **changes: Any) -> Recipe:
    """A named recipe, or that of the `system` among the changes, with other values where they are given.

    Raises      InputError: there is no such recipe; a value that cannot work
    """
    if (system := changes.get("system")) in OF_SYSTEMS:
        if recipe is not None:
            raise InputError(f"‹recipe› {recipe}: ‹system› {system} has a recipe of its own; leave this one out")
        return replace(OF_SYSTEMS[system], **changes)
    if recipe is None:
        recipe = "numser"
    if recipe not in RECIPES:
        raise InputError(f"‹recipe› {recipe}: should be one of {', '.join(RECIPES)}")
    return replace(RECIPES[recipe], **changes)


def recipe_options(p: ArgumentParser):
    """Add the options of a `Recipe` but for the seed, from its fields. Returns the group of how to train."""
    how = p.add_argument_group(LEARNING)
    groups = {NETWORK: p.add_argument_group(NETWORK), LEARNING: how, AUGMENTATION: p.add_argument_group(AUGMENTATION)}
    option(
        how,
        "--recipe",
        "numser",
        "where the values come from that no option gives: numser, chosen on validation data (see "
        "benchmarks/results/recipe.md); paper, the paper's in every number",
        choices=RECIPES,
    )
    for f in fields(Recipe):
        if f.name == "seed":
            continue
        group, help, flag = groups[f.metadata["group"]], f.metadata["help"], flag_of(f.name)
        if isinstance(f.default, bool):
            group.add_argument(flag, action="store_false", dest=f.name, help=help)
            continue
        numser, paper = (getattr(named, f.name) for named in (NUMSER, PAPER))
        default = f"{numser}" if numser == paper else f"{numser}, the paper's {paper}"
        choices = f.metadata.get("choices")
        metavar = None if choices else "N" if isinstance(f.default, int) else "X"
        option(group, flag, default, help, type=type(f.default), choices=choices, metavar=metavar)
    return how


def split_options(group) -> None:
    """Add the options of how a split is made and used: how many subsets there are, who trains, and by whose frames
    sound is standardised.
    """
    option(group, "--subsets", 10, "random subsets; few recordings need fewer", type=int, metavar="N")
    group.add_argument(
        "--train-on-validation",
        action="store_true",
        help="what would validate trains as well, since nothing is chosen by it; then there is no validation",
    )
    option(
        group,
        "--standardise",
        "corpus",
        "corpus: by all frames that train; speaker: each speaker by all of the speaker's own recordings, whose "
        "labels are not looked at. The test speaker's are then known beforehand",
        choices=STANDARDISE,
    )


def flag_of(name: str) -> str:
    """The option of a recipe's field."""
    return {"attention": "--no-attention", "tied": "--untied"}.get(name, option_of(name))
