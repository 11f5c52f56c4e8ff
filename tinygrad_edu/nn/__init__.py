"""Layers and networks, one family a file.

A layer is called on a batch, one example a row, and lists its `parameters`. Weights have shape (n_in, n_out), so that
z = a W + b.
"""

from tinygrad_edu.nn.boltzmann import RBM
from tinygrad_edu.nn.convolution import AvgPool2d, Conv2d, Flatten, MaxPool2d
from tinygrad_edu.nn.embedding import Embedding
from tinygrad_edu.nn.initializers import INITIALIZERS
from tinygrad_edu.nn.linear import Linear
from tinygrad_edu.nn.mlp import MLP, Layer
from tinygrad_edu.nn.module import Module, Sequential, split
from tinygrad_edu.nn.rbf import RBF
from tinygrad_edu.nn.recurrent import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell
from tinygrad_edu.nn.regularization import BatchNorm1d, Dropout, LayerNorm

__all__ = [
    "GRU",
    "INITIALIZERS",
    "LSTM",
    "MLP",
    "RBF",
    "RBM",
    "RNN",
    "AvgPool2d",
    "BatchNorm1d",
    "Conv2d",
    "Dropout",
    "Embedding",
    "Flatten",
    "GRUCell",
    "LSTMCell",
    "Layer",
    "LayerNorm",
    "Linear",
    "MaxPool2d",
    "Module",
    "RNNCell",
    "Sequential",
    "split",
]
