"""The systems that the paper's Table 5 compares with: a network each, its features, its pieces and its protocol."""

from collections.abc import Callable
from functools import partial

from numser.systems.acrnn import ACRNN
from numser.systems.network import SystemNetwork

# By name, of the number of emotions and, if not the usual one, that of convolutions.
SYSTEMS: dict[str, Callable[..., SystemNetwork]] = {"acrnn": ACRNN, "acrnn-pool2": partial(ACRNN, pool=2)}
