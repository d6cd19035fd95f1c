"""The network's layers, one a file: equations, forward, backward, class."""

from numser.layers.activation import PReLU, ReLU
from numser.layers.attention import Attention, LastState
from numser.layers.compose import Layer, Residual, Sequential
from numser.layers.conv import Conv
from numser.layers.dense import Dense
from numser.layers.depthwise import DepthwiseConv
from numser.layers.dropout import Dropout
from numser.layers.flatten import Flatten
from numser.layers.fused import FusedBlock
from numser.layers.gru import GRU
from numser.layers.inverted_residual import inverted_residual, separable_block
from numser.layers.pointwise import PointwiseConv
from numser.layers.pool import MaxPool

__all__ = [
    "GRU",
    "Attention",
    "Conv",
    "Dense",
    "DepthwiseConv",
    "Dropout",
    "Flatten",
    "FusedBlock",
    "LastState",
    "Layer",
    "MaxPool",
    "PReLU",
    "PointwiseConv",
    "ReLU",
    "Residual",
    "Sequential",
    "inverted_residual",
    "separable_block",
]
