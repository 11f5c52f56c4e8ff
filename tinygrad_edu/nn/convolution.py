"""Layers for images: convolution, pooling, and the step from images to rows.

Images have the shape (n, channels, height, width), as in PyTorch. A window moves over them. What stands at one place of
the window as it moves is a slice of the images, ``x[:, :, 0:26, 2:28]``, of the size of the result; there are as many
as the window has places. Their largest, pixel by pixel, is max pooling, their mean is average pooling, and their
weighted sum is convolution.
"""

from __future__ import annotations

from math import inf, prod
from typing import Any

import numpy as np
import numpy.typing as npt

from tinygrad_edu.engine import scope
from tinygrad_edu.errors import check_whole, shown
from tinygrad_edu.nn.batches import real
from tinygrad_edu.nn.initializers import generator_of, initializer_named
from tinygrad_edu.nn.module import Module
from tinygrad_edu.tensor import Tensor

Size = int | tuple[int, int]
"""One number for height and width, or one for each."""

Pair = tuple[int, int]


class Conv2d(Module):
    """A convolutional layer, z = W ⋆ a + b: one small set of weights, a kernel, moves over the whole image.

    With stride s, dilation d, and a padded with zeros::

        z[n, o, y, x] = b[o] + Σ_c Σ_i Σ_j W[o, c, i, j] a[n, c, s y + d i, s x + d j]

    which is a cross-correlation, as in all such libraries: the kernel is not flipped.

    Parameters
    ----------
    n_in, n_out : int
        Channels of the images that come in and that go out.
    kernel_size : int or (int, int)
        Height and width of the kernel, in pixels.
    stride : int or (int, int)
        Pixels from one position of the kernel to the next.
    padding : int or (int, int)
        Rows and columns of zeros put around the image, on each side.
    dilation : int or (int, int)
        Pixels from one weight of the kernel to the next.
    init : {"scaled", "normal", "glorot", "he"}
        How W and b start; see `tinygrad_edu.nn.initializers`. A unit has n_in · height · width of the kernel inputs.
    rng : int, numpy.random.Generator or None
        Source or seed of the random numbers.
    dtype : dtype
        Of the parameters.
    suffix : str
        Of the names in drawings: ``"1"`` names them W1, b1, z1.

    Attributes
    ----------
    W : Tensor, shape (n_out, n_in, kernel height, kernel width)
    b : Tensor, shape (n_out,)

    Raises
    ------
    ValueError
        If a number is too small, or ``init`` is unknown.
    TypeError
        If sizes are no whole numbers, or ``dtype`` is not one of floats.

    Examples
    --------
    >>> import numpy as np
    >>> layer = Conv2d(1, 6, kernel_size=5, padding=2, rng=0)
    >>> layer(np.zeros((32, 1, 28, 28))).shape
    (32, 6, 28, 28)
    """

    def __init__(
        self,
        n_in: int,
        n_out: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        dilation: Size = 1,
        init: str = "scaled",
        rng: int | np.random.Generator | None = None,
        dtype: npt.DTypeLike = np.float64,
        suffix: str = "",
    ) -> None:
        check_whole("Conv2d", n_in=n_in, n_out=n_out)
        self.n_in, self.n_out = int(n_in), int(n_out)
        self.kernel_size = _pair("Conv2d", "kernel_size", kernel_size, 1)
        self.stride = _pair("Conv2d", "stride", stride, 1)
        self.padding = _pair("Conv2d", "padding", padding, 0)
        self.dilation = _pair("Conv2d", "dilation", dilation, 1)
        if np.dtype(dtype).kind != "f":
            raise TypeError(f"Conv2d: dtype must be one of floats, such as np.float32, not {np.dtype(dtype)}")
        start = initializer_named(init, "Conv2d: init")
        W, b = start(generator_of(rng, "Conv2d: rng"), self.n_in, self.n_out, places=prod(self.kernel_size))
        W = W.T.reshape(self.n_out, self.n_in, *self.kernel_size)
        self.W = Tensor(W, requires_grad=True, name=f"W{suffix}", dtype=dtype)
        self.b = Tensor(b, requires_grad=True, name=f"b{suffix}", dtype=dtype)
        self._name_of_z = f"z{suffix}"

    def __call__(self, x: Any) -> Tensor:
        """The weighted inputs for images ``x``.

        Parameters
        ----------
        x : array_like, shape (n, n_in, height, width)

        Returns
        -------
        Tensor, shape (n, n_out, height', width')
            With height' = ⌊(height + 2 padding − dilation (kernel height − 1) − 1) / stride⌋ + 1, and width' likewise.

        Raises
        ------
        ValueError
            If ``x`` has another number of axes or channels, or images smaller than the kernel.
        TypeError
            If ``x`` are no real numbers.
        """
        x = _images("Conv2d", x, self.n_in)
        with scope("conv2d"):
            rows, columns = _slices("Conv2d", x, self.kernel_size, self.stride, self.padding, self.dilation)
            x = _padded(x, self.padding, 0.0)
            # A copy of the images for each column of the kernel, (n, n_in, kernel width, height, width'), then a matrix
            # product for each row. With a copy for each weight one product would do, but it is copying that takes time.
            x = np.stack([x[..., column] for column in columns], axis=2)
            z = self.b[:, None]
            for i, row in enumerate(rows):
                under = x[..., row, :]
                n, c, kw, height, width = under.shape
                z = z + self.W[:, :, i].reshape(self.n_out, c * kw) @ under.reshape(n, c * kw, height * width)
            z = z.reshape(n, self.n_out, height, width)
        z.name = self._name_of_z
        return z

    def __repr__(self) -> str:
        options = _options(self, stride=(1, 1), padding=(0, 0), dilation=(1, 1))
        return f"Conv2d({self.n_in}, {self.n_out}, {_short(self.kernel_size)}{options})"


class _Pool(Module):
    """A window that moves over the images, channel by channel."""

    def __init__(self, kernel_size: Size, stride: Size | None = None, padding: Size = 0) -> None:
        who = type(self).__name__
        self.kernel_size = _pair(who, "kernel_size", kernel_size, 1)
        self.stride = self.kernel_size if stride is None else _pair(who, "stride", stride, 1)
        self.padding = _pair(who, "padding", padding, 0)
        if any(2 * p > k for p, k in zip(self.padding, self.kernel_size, strict=True)):
            raise ValueError(
                f"{who}: padding {shown(padding)} is more than half of kernel_size {shown(kernel_size)}: some windows "
                "would hold nothing but padding"
            )

    def _windows(self, x: Any, fill: float) -> Any:
        """The pixels of each window, along the first axis; the others are (n, channels, height', width')."""
        who = type(self).__name__
        x = _images(who, x)
        rows, columns = _slices(who, x, self.kernel_size, self.stride, self.padding)
        x = _padded(x, self.padding, fill)
        return np.stack([x[..., row, column] for row in rows for column in columns])

    def __repr__(self) -> str:
        options = _options(self, stride=self.kernel_size, padding=(0, 0))
        return f"{type(self).__name__}({_short(self.kernel_size)}{options})"


class MaxPool2d(_Pool):
    """The largest pixel in each window, channel by channel.

    Equal largest ones share the gradient equally, as in `numpy.max` on tensors; in PyTorch the first has all of it.

    Parameters
    ----------
    kernel_size : int or (int, int)
        Height and width of the window, in pixels.
    stride : int or (int, int), optional
        Pixels from one window to the next; by default they lie side by side, without overlap.
    padding : int or (int, int)
        Rows and columns put around the image, on each side; they are never the largest. At most half a window.

    Raises
    ------
    ValueError
        If a number is too small or the padding too large.
    TypeError
        If they are no whole numbers.

    Examples
    --------
    >>> import numpy as np
    >>> MaxPool2d(2)(np.arange(16.0).reshape(1, 1, 4, 4))
    array([[[[ 5.,  7.],
             [13., 15.]]]])
    """

    def __call__(self, x: Any) -> Any:
        """The largest pixels for images ``x`` of shape (n, channels, height, width).

        The result has shape (n, channels, height', width'), with height' = ⌊(height + 2 padding − kernel height) /
        stride⌋ + 1, and width' likewise. Errors are those of `Conv2d`.
        """
        with scope("max_pool2d"):
            return np.max(self._windows(x, -inf), axis=0)


class AvgPool2d(_Pool):
    """The mean of the pixels in each window, channel by channel; padding counts as pixels that are 0.

    Parameters
    ----------
    kernel_size, stride, padding
        As in `MaxPool2d`.

    Examples
    --------
    >>> import numpy as np
    >>> AvgPool2d(2)(np.arange(16.0).reshape(1, 1, 4, 4))
    array([[[[ 2.5,  4.5],
             [10.5, 12.5]]]])
    """

    def __call__(self, x: Any) -> Any:
        """The means for images ``x`` of shape (n, channels, height, width); shapes and errors as in `MaxPool2d`."""
        with scope("avg_pool2d"):
            return np.mean(self._windows(x, 0.0), axis=0)


class Flatten(Module):
    """Each example as one row of numbers, as `Linear` takes them: shape (n, …) becomes (n, size of an example).

    Examples
    --------
    >>> import numpy as np
    >>> Flatten()(np.zeros((32, 16, 5, 5))).shape
    (32, 400)
    """

    def __call__(self, x: Any) -> Any:
        """The rows for a batch ``x``; a `ValueError` if it is a single number, which has no examples."""
        x = real("Flatten", x)
        if x.ndim == 0:
            raise ValueError("Flatten: x is a single number, but this layer takes (n, …), one example after the other")
        with scope("flatten"):
            return x.reshape(x.shape[0], prod(x.shape[1:]))

    def __repr__(self) -> str:
        return "Flatten()"


# --- Slices -----------------------------------------------------------------------------------------------------


def _slices(
    who: str, x: Any, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair = (1, 1)
) -> tuple[list[slice], list[slice]]:
    """For every row of the kernel the rows of the padded images that stand under it as it moves; so for the columns."""
    height, width = zip(x.shape[2:], kernel, stride, padding, dilation, strict=True)
    return _starts(who, "height", *height), _starts(who, "width", *width)


def _starts(who: str, side: str, size: int, kernel: int, stride: int, padding: int, dilation: int) -> list[slice]:
    """Along one axis: which pixels stand at each place of the kernel, as it moves."""
    last = size + 2 * padding - dilation * (kernel - 1) - 1  # the last place where the kernel may begin
    if last < 0:
        padded = f", {size + 2 * padding} with the padding," if padding else ""
        spread = f", spread over {dilation * (kernel - 1) + 1} by dilation {dilation}" if dilation > 1 else ""
        raise ValueError(
            f"{who}: images of {side} {size}{padded} are smaller than the kernel, whose {side} is {kernel}{spread}; "
            "use a smaller kernel, or more padding"
        )
    return [slice(i, i + last + 1, stride) for i in range(0, dilation * kernel, dilation)]


def _padded(x: Any, padding: Pair, fill: float) -> Any:
    """The images with rows and columns of a number around them."""
    for axis, width in zip((2, 3), padding, strict=True):
        if width:
            margin = np.full((*x.shape[:axis], width, *x.shape[axis + 1 :]), fill, x.dtype)
            x = np.concatenate([margin, x, margin], axis=axis)
    return x


# --- What is handed in ----------------------------------------------------------------------------------------------


def _images(who: str, x: Any, channels: int | None = None) -> Any:
    """A batch of images, with that number of channels where one is asked for."""
    x = real(who, x)
    if x.ndim != 4 or channels not in (None, x.shape[1]):
        fits = f"{channels or 'channels'}, height, width"
        hint = ""
        if x.ndim == 2:
            hint = f"; rows of pixels become images with x.reshape(-1, {fits})"
        elif x.ndim == 3:
            no_axis = "; images without an axis of channels become x[:, None]" if channels in (None, 1) else ""
            hint = f"{no_axis}; a single image becomes x[None]"
        elif x.ndim == 4 and x.shape[-1] == channels:
            hint = "; channels that stand last come second with np.moveaxis(x, -1, 1)"
        raise ValueError(f"{who}: x has shape {x.shape}, but this layer takes (n, {fits}){hint}")
    return x


def _pair(who: str, name: str, value: Any, least: int) -> Pair:
    """A size for the height and one for the width."""
    if not isinstance(value, tuple | list):
        value = (value, value)
    if len(value) != 2:
        raise ValueError(f"{who}: {name} must be a whole number, or two for height and width, not {shown(value)}")
    for size in value:
        check_whole(who, least, **{name: size})
    height, width = map(int, value)
    return height, width


def _short(pair: Pair) -> str:
    return str(pair[0] if pair[0] == pair[1] else pair)


def _options(layer: Any, **defaults: Pair) -> str:
    """Those that are not the default, as they are written in a call."""
    given = {name: getattr(layer, name) for name, default in defaults.items() if getattr(layer, name) != default}
    return "".join(f", {name}={_short(pair)}" for name, pair in given.items())
