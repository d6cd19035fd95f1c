"""Separable block and inverted residual.        Paper §3.1, Fig. 2(b); Sandler et al., 2018

    e = ReLU(x We + be)        expand:  1×1, few channels -> many
    d = ReLU(depthwise(e))     filter:  3×3, each channel alone
    y = d Wp + bp              project: 1×1, many channels -> few, linear

    inverted residual:  y = x + project(filter(expand(x)))

An ordinary residual block is narrow in the middle; this one is wide there, hence "inverted". The spatial
filter costs 9 products a channel, so it can afford the wide middle. What leaves the block is linear: a ReLU in a
narrow layer would destroy what no other channel carries.

Shapes      x (N, F, C)   e, d (N, F, M)   y (N, F, O);   inverted residual: O = C
Parameters  expand.w (C, M)  expand.b (M,)  depthwise.w (3, 3, M)  project.w (M, O)  project.b (O,)
Remembers   what its layers remember
Raises      ValueError: what its layers raise
Deviation   none
Test        tests/test_compose.py, and its gradients in tests/test_contract.py
"""

from numser.layers.activation import ReLU
from numser.layers.compose import Residual, Sequential
from numser.layers.depthwise import DepthwiseConv
from numser.layers.pointwise import PointwiseConv


def separable_block(in_channels: int, expanded: int, channels: int) -> Sequential:
    """Expand, filter, project. The equations stand at the top of this file."""
    return Sequential(
        (
            ("expand", PointwiseConv(in_channels, expanded)),
            ("", ReLU()),
            ("depthwise", DepthwiseConv(expanded)),
            ("", ReLU()),
            ("project", PointwiseConv(expanded, channels)),
        )
    )


def inverted_residual(channels: int, expanded: int) -> Residual:
    """A separable block with a way around it."""
    return Residual(separable_block(channels, expanded, channels))
