"""The network's layers, one a file: equations, forward, backward, class."""

from numser.layers.activation import LeakyReLU, PReLU, ReLU
from numser.layers.attention import Attention, LastState
from numser.layers.batch_norm import BatchNorm
from numser.layers.binarised import Binarised
from numser.layers.block_pool import BlockMaxPool
from numser.layers.compose import EachOne, Layer, Residual, Sequential
from numser.layers.conv import Conv
from numser.layers.conv2d import Conv2D
from numser.layers.dense import Dense
from numser.layers.depthwise import DepthwiseConv
from numser.layers.dropout import Dropout
from numser.layers.flatten import Flatten
from numser.layers.fused import FusedBlock
from numser.layers.gru import GRU
from numser.layers.hidden_attention import HiddenAttention
from numser.layers.inverted_residual import inverted_residual, separable_block
from numser.layers.lstm import LSTM
from numser.layers.pointwise import PointwiseConv
from numser.layers.pool import MaxPool
from numser.layers.self_attention import SelfAttention

__all__ = [
    "GRU",
    "LSTM",
    "Attention",
    "BatchNorm",
    "Binarised",
    "BlockMaxPool",
    "Conv",
    "Conv2D",
    "Dense",
    "DepthwiseConv",
    "Dropout",
    "EachOne",
    "Flatten",
    "FusedBlock",
    "HiddenAttention",
    "LastState",
    "Layer",
    "LeakyReLU",
    "MaxPool",
    "PReLU",
    "PointwiseConv",
    "ReLU",
    "Residual",
    "SelfAttention",
    "Sequential",
    "inverted_residual",
    "separable_block",
]
