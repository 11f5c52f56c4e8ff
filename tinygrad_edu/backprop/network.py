"""The network of Nielsen's book: one example at a time, as columns, in plain NumPy.

An example is a column here, and so is what comes out of a layer: z^l = W^l a^{l-1} + b^l, with W^l of shape
(n_l, n_{l-1}). In that layout the four equations read ::

    BP1    δ^L = ∇_a C ⊙ σ'(z^L)
    BP2    δ^l = ((W^{l+1})ᵀ δ^{l+1}) ⊙ σ'(z^l)
    BP3    ∂C/∂b^l = δ^l
    BP4    ∂C/∂W^l = δ^l (a^{l-1})ᵀ

It is slow, because it goes through a mini-batch in a loop, and it can be read line by line next to the book.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tinygrad_edu.backprop.arguments import require
from tinygrad_edu.backprop.formulas import ACTIVATION_FORMULAS, Array

Pairs = Iterable[tuple[Any, Any]]  # (x, y): a column, and a column or a label

sigmoid, sigmoid_prime = ACTIVATION_FORMULAS["sigmoid"]


class Network:
    """A network of sigmoid neurons with quadratic cost, under the names and in the layout of Nielsen's text.

    Parameters
    ----------
    sizes : sequence of int
        The number of neurons in each layer, the inputs first: ``[784, 30, 10]``.
    rng : int, numpy.random.Generator or None
        A seed or a generator: for the first weights and biases, and for the order of the examples in `SGD`.

    Attributes
    ----------
    weights : list of arrays, ``weights[l]`` of shape (n_out, n_in)
        Drawn from a normal distribution of mean 0 and standard deviation 1, as the biases are.
    biases : list of arrays, ``biases[l]`` of shape (n_out, 1)
    sizes : list of int
    num_layers : int
        The inputs are counted as a layer.
    rng : numpy.random.Generator

    Raises
    ------
    TypeError, ValueError
        If there are fewer than two layers, or one of them has no neurons; or if `rng` is of another kind.

    See Also
    --------
    tinygrad_edu.nn.MLP : the same network for whole batches, with other activations, costs and initialisations.
    tinygrad_edu.data.columns : makes the list of pairs from images and labels.

    Notes
    -----
    Source: M. Nielsen, *Neural Networks and Deep Learning* (2015), chapters 1 and 2.

    Examples
    --------
    >>> import numpy as np
    >>> net = Network([2, 3, 1], rng=0)
    >>> [w.shape for w in net.weights], [b.shape for b in net.biases]
    ([(3, 2), (1, 3)], [(3, 1), (1, 1)])
    >>> net.feedforward(np.array([[0.0], [1.0]])).shape
    (1, 1)
    """

    def __init__(self, sizes: Sequence[int], rng: int | np.random.Generator | None = None) -> None:
        if not isinstance(sizes, list | tuple | np.ndarray):
            raise TypeError(f"Network: sizes must be a list of the number of neurons in each layer, not {sizes!r}")
        self.sizes = [_whole("Network: each of sizes", n, 1) for n in sizes]
        require(len(self.sizes) >= 2, f"Network: sizes must name two layers or more, as [784, 30, 10]; got {sizes}")
        self.num_layers = len(self.sizes)
        try:
            self.rng = np.random.default_rng(rng)
        except (TypeError, ValueError):
            want = "a seed (an integer from 0 up), a numpy Generator or None"
            raise TypeError(f"Network: rng must be {want}, not {rng!r}") from None
        self.biases: list[Array] = [self.rng.normal(size=(n_out, 1)) for n_out in self.sizes[1:]]
        self.weights: list[Array] = [self.rng.normal(size=(n_out, n_in)) for n_in, n_out in pairwise(self.sizes)]

    def feedforward(self, a: ArrayLike) -> Array:
        """Return the output for the input a, a column of shape (n_in, 1); or m outputs for the m columns (n_in, m).

        Raises
        ------
        TypeError, ValueError
            If a does not hold numbers, or has another shape.
        """
        a = _columns("Network.feedforward: a", a, self.sizes[0])
        for b, w in zip(self.biases, self.weights, strict=True):
            a = sigmoid(w @ a + b)
        return a

    def SGD(
        self, training_data: Pairs, epochs: int, mini_batch_size: int, eta: float, test_data: Pairs | None = None
    ) -> list[int]:
        """Train by stochastic gradient descent, and print a line for each epoch.

        Parameters
        ----------
        training_data : pairs (x, y)
            Columns of shapes (n_in, 1) and (n_out, 1), as `tinygrad_edu.data.columns` makes them. They are gone
            through in a new order in each epoch; the list itself is left as it is.
        epochs : int
        mini_batch_size : int
            The last mini-batch of an epoch is smaller where the size does not divide the number of examples.
        eta : float
            The learning rate η.
        test_data : pairs (x, y), optional
            With y an integer label, or a column as above. With them each line says how many are recognised.

        Returns
        -------
        list of int
            How many of `test_data` were right after each epoch; empty without `test_data`.

        Raises
        ------
        TypeError, ValueError
            If there are no data, if a number is of the wrong kind, or if a shape does not fit.
        """
        who = "Network.SGD"
        training, test = _pairs(f"{who}: training_data", training_data), None
        if test_data is not None:
            test = _pairs(f"{who}: test_data", test_data)
        epochs, m = _whole(f"{who}: epochs", epochs, 0), _whole(f"{who}: mini_batch_size", mini_batch_size, 1)
        correct = []
        for epoch in range(epochs):
            order = self.rng.permutation(len(training))
            for start in range(0, len(order), m):
                self.update_mini_batch([training[i] for i in order[start : start + m]], eta)
            if test is None:
                print(f"Epoch {epoch} complete")
            else:
                correct.append(self.evaluate(test))
                print(f"Epoch {epoch}: {correct[-1]} / {len(test)}")
        return correct

    def update_mini_batch(self, mini_batch: Pairs, eta: float) -> None:
        """Take one step down the gradient of m examples: w → w − η/m Σ_x ∂C_x/∂w, and so for the biases.

        Raises
        ------
        TypeError, ValueError
            If the mini-batch is empty, if eta is no finite number, or if a shape does not fit; nothing is changed then.
        """
        mini_batch = _pairs("Network.update_mini_batch: mini_batch", mini_batch)
        _check_rate("Network.update_mini_batch: eta", eta)
        sum_b = [np.zeros_like(b) for b in self.biases]
        sum_w = [np.zeros_like(w) for w in self.weights]
        for x, y in mini_batch:
            nabla_b, nabla_w = self.backprop(x, y)
            for total, gradient in zip(sum_b + sum_w, nabla_b + nabla_w, strict=True):
                total += gradient
        step = eta / len(mini_batch)
        self.biases = [b - step * total for b, total in zip(self.biases, sum_b, strict=True)]
        self.weights = [w - step * total for w, total in zip(self.weights, sum_w, strict=True)]

    def backprop(self, x: ArrayLike, y: ArrayLike) -> tuple[list[Array], list[Array]]:
        """Return the gradient of C_x = ½‖y − a^L‖² for one example: ∂C_x/∂b and ∂C_x/∂w, layer by layer.

        Parameters
        ----------
        x : column of shape (n_in, 1)
        y : column of shape (n_out, 1)

        Returns
        -------
        nabla_b, nabla_w : lists of arrays
            Of the shapes of `biases` and `weights`.

        Raises
        ------
        TypeError, ValueError
            If x or y does not hold numbers, or has another shape.
        """
        a = _columns("Network.backprop: x", x, self.sizes[0], one=True)
        activations, zs = [a], []  # a^0 to a^L, and z^1 to z^L
        for b, w in zip(self.biases, self.weights, strict=True):
            zs.append(w @ activations[-1] + b)
            activations.append(sigmoid(zs[-1]))

        delta = self.cost_derivative(activations[-1], y) * sigmoid_prime(zs[-1])  # BP1
        deltas = [delta]
        for w_next, z in zip(self.weights[:0:-1], zs[-2::-1], strict=True):  # from the layer before the last
            delta = (w_next.T @ delta) * sigmoid_prime(z)  # BP2
            deltas.insert(0, delta)
        nabla_b = deltas  # BP3
        nabla_w = [delta @ a_prev.T for delta, a_prev in zip(deltas, activations[:-1], strict=True)]  # BP4
        return nabla_b, nabla_w

    def evaluate(self, test_data: Pairs) -> int:
        """Count the examples whose label is the index of the output neuron that is most active.

        Parameters
        ----------
        test_data : pairs (x, y)
            x a column of shape (n_in, 1); y an integer label, or the column with a 1 in its place.

        Raises
        ------
        TypeError, ValueError
            If there are no data, if a shape or a label does not fit, or if the network has a single output, which
            would be the most active one always.
        """
        who, n_out = "Network.evaluate", self.sizes[-1]
        require(n_out >= 2, f"{who}: it compares outputs, and this network has one; compare net.feedforward(x) > 0.5")
        pairs = _pairs(f"{who}: test_data", test_data)
        return sum(int(np.argmax(self.feedforward(x)) == _label(f"{who}: y", y, n_out)) for x, y in pairs)

    def cost_derivative(self, output_activations: Array, y: ArrayLike) -> Array:
        """∇_a C_x = a^L − y, of shape (n_out, 1). Another cost is a subclass with another such method.

        Raises
        ------
        TypeError, ValueError
            If y does not hold numbers, or has another shape.
        """
        difference: Array = output_activations - _columns("Network.cost_derivative: y", y, self.sizes[-1], one=True)
        return difference


# --- plain words for what does not fit ----------------------------------------------------------------


def _columns(what: str, value: Any, n: int, one: bool = False) -> Array:
    """Return an array of floats that has n rows, and one column if `one`."""
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise TypeError(f"{what} must hold real numbers, got dtype {array.dtype}")
    if array.ndim != 2 or len(array) != n or (one and array.shape[1] != 1):
        hint = ""
        if array.shape in ((n,), (1, n)):
            hint = "; an example is a column here, so " + ("[:, None]" if array.ndim == 1 else ".T") + " makes it fit"
        elif array.ndim == 0:
            hint = "; tinygrad_edu.data.columns(x, labels, n_classes) makes a column of each label"
        raise ValueError(f"{what} must have shape ({n}, 1), got {array.shape}{hint}")
    return array if array.dtype.kind == "f" else array.astype(float)


def _label(what: str, y: Any, n_classes: int) -> int:
    """Return a label from 0 up; of a column, the place of its largest entry."""
    if np.ndim(y) > 0:
        return int(np.argmax(_columns(what, y, n_classes, one=True)))
    label = np.asarray(y)
    if label.dtype.kind not in "iu":
        raise TypeError(f"{what} must be an integer label or a column of shape ({n_classes}, 1), got {y!r}")
    require(bool(0 <= label < n_classes), f"{what} must lie between 0 and {n_classes - 1}, got {y}")
    return int(label)


def _pairs(what: str, data: Any) -> list[tuple[Any, Any]]:
    """Return the pairs as a list: what `zip` makes can be gone through only once."""
    if not isinstance(data, Iterable):
        raise TypeError(f"{what} must be a list of pairs (x, y), not {type(data).__name__}")
    pairs = list(data)
    require(len(pairs) > 0, f"{what} is empty; what zip returns is empty, too, once it has been used")
    for pair in pairs:
        if not isinstance(pair, tuple | list) or len(pair) != 2:
            raise TypeError(f"{what} must be a list of pairs (x, y), as tinygrad_edu.data.columns(x, y) makes it")
    return pairs


def _whole(what: str, value: Any, least: int) -> int:
    if not isinstance(value, int | np.integer) or isinstance(value, bool):
        raise TypeError(f"{what} must be a whole number, not {value!r}")
    require(bool(value >= least), f"{what} must be {f'at least {least}' if least else '0 or more'}, not {value}")
    return int(value)


def _check_rate(what: str, value: Any) -> None:
    if not isinstance(value, int | float | np.integer | np.floating) or isinstance(value, bool):
        raise TypeError(f"{what} must be a number, not {value!r}")
    require(bool(np.isfinite(value)), f"{what} must be finite, not {value}")
