"""The systems that the paper's Table 5 compares with: a network each, its features, its pieces and its protocol."""

from collections.abc import Callable
from functools import partial

from numser.systems.acrnn import ACRNN
from numser.systems.bcrnn import BCRNN
from numser.systems.drn import DRN
from numser.systems.network import SystemNetwork

NETWORKS: tuple[type[SystemNetwork], ...] = (ACRNN, DRN, BCRNN)

# By name, of the number of emotions and, if not the usual one, of blocks: convolutions, or residual blocks a width.
SYSTEMS: dict[str, Callable[..., SystemNetwork]] = {
    "acrnn": ACRNN,
    "acrnn-pool2": partial(ACRNN, pool=2),
    "drn": DRN,
    "drn-late": partial(DRN, late=True),
    "bcrnn": BCRNN,
    "bcrnn-real": partial(BCRNN, binary=False),
}
