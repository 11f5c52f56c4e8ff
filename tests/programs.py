"""Random programs of 120 kinds of NumPy operations, with options; `np` may be NumPy or a namespace like it."""

from hypothesis import strategies as st

N = 3  # every operation takes and gives N × N matrices of moderate size

AXIS = {"axis": (None, 0, 1, -1, (0, 1), (-1,))}
KEPT = {**AXIS, "keepdims": (False, True)}
SORTED = {"axis": (0, 1, -1, -2)}
OFFSET = {"offset": (0, 1, -1, 2)}


def fitted(np, a):
    """Any result of up to two axes and 3 numbers on each, stretched to N × N (what is left is the one-sided mean)."""
    return np.broadcast_to(a, (N, N))


def squared(np, a):
    """N × N numbers of an array that is longer or shorter: repeated or cut."""
    flat = np.reshape(a, (-1,))
    return np.reshape(np.resize(flat, (N * N,)), (N, N))


def aside(np, a):
    """Not 0, as an a that is all its own maximum is: there JAX's derivative of a norm is NaN."""
    return a + 0.1 * np.arange(1.0, N * N + 1).reshape((N, N))


def spread(np, a):
    """A symmetric matrix whose eigenvalues, and singular values, lie well apart."""
    b = np.tanh(a)
    return 0.2 * (b + b.T) + np.diag(np.array([1.0, 4.0, 9.0]))


def qr_of(np, a, mode):
    """Q + R, or R alone."""
    return sum(np.linalg.qr(a)) if mode == "reduced" else np.linalg.qr(a, mode=mode)


# name → the operation and, for each option, the values it may take
UNARY = {
    "tanh": (lambda np, a: np.tanh(a), {}),
    "sin": (lambda np, a: np.sin(2 * a), {}),
    "cos": (lambda np, a: np.cos(a), {}),
    "exp": (lambda np, a: np.exp(-np.square(a)), {}),
    "expm1": (lambda np, a: np.expm1(np.tanh(a)), {}),
    "log1p": (lambda np, a: np.log1p(a * a), {}),
    "log": (lambda np, a: np.log(1.5 + np.sin(a)), {}),
    "sqrt": (lambda np, a: np.sqrt(0.5 + np.square(np.sin(a))), {}),
    "cbrt": (lambda np, a: np.cbrt(2 + np.cos(a)), {}),
    "arctan": (lambda np, a: np.arctan(a), {}),
    "arcsinh": (lambda np, a: np.arcsinh(a), {}),
    "sinc": (lambda np, a: np.sinc(a), {}),
    "power": (lambda np, a, b: (1.2 + np.cos(a)) ** b, {"b": (1.7, 2, 3, -1, 0, 0.5)}),
    "abs": (lambda np, a: np.abs(a) - 0.3, {}),
    "negative": (lambda np, a: -a, {}),
    "reciprocal": (lambda np, a: 1 / (1 + a * a), {}),
    "of (-1, 1)": (
        lambda np, a, name: getattr(np, name)(0.7 * np.tanh(a)) * 0.5,
        {"name": ("sinh", "cosh", "tan", "arcsin", "arccos", "arctanh", "exp2", "deg2rad", "fabs", "positive")},
    ),
    "of (1, 2)": (
        lambda np, a, name: getattr(np, name)(1.5 + 0.4 * np.sin(a)),
        {"name": ("log2", "log10", "arccosh", "reciprocal", "square", "rad2deg")},
    ),
    "softmax": (
        lambda np, a, axis: (
            np.exp(a - np.max(a, axis=axis, keepdims=True))
            / np.sum(np.exp(a - np.max(a, axis=axis, keepdims=True)), axis=axis, keepdims=True)
        ),
        AXIS,
    ),
    "transpose": (lambda np, a, axes: np.transpose(a, axes), {"axes": (None, (1, 0), (0, 1), (-1, 0))}),
    "swapaxes": (lambda np, a, i, j: np.swapaxes(a, i, j), {"i": (0, 1, -1), "j": (0, -1)}),
    "moveaxis": (lambda np, a, i, j: np.moveaxis(a, i, j), {"i": (0, 1, -1), "j": (0, -1)}),
    "reshape": (
        lambda np, a, order, back: np.reshape(np.reshape(a, (-1,), order=order)[::-1], (N, N), order=back),
        {"order": ("C", "F"), "back": ("C", "F")},
    ),
    "ravel": (lambda np, a, order: squared(np, np.ravel(a, order=order)), {"order": ("C", "F")}),
    "squeeze": (
        lambda np, a, axis: np.squeeze(np.expand_dims(a, axis), axis=axis),
        {"axis": (0, -1, (0, 2))},
    ),
    "flip": (lambda np, a, axis: np.flip(a, axis), {"axis": (None, 0, 1, (0, 1))}),
    "roll": (lambda np, a, shift, axis: np.roll(a, shift, axis=axis), {"shift": (1, -2), "axis": (None, 0, 1)}),
    "rot90": (lambda np, a, k, axes: np.rot90(a, k, axes), {"k": (1, 2, -1), "axes": ((0, 1), (1, 0))}),
    "tril": (lambda np, a, k: np.tril(a, k) + np.triu(a, k + 1) * 0.5, {"k": (0, 1, -1)}),
    "diag": (lambda np, a, k: np.diag(np.diag(a, k), k) + a * 0.1, {"k": (0, 1, -1)}),
    "diagonal": (
        lambda np, a, offset, axis1, axis2: squared(np, np.diagonal(a, offset, axis1, axis2)) - a * 0.1,
        {"offset": (0, 1, -1), "axis1": (0,), "axis2": (1, -1)},
    ),
    "cumsum": (lambda np, a, axis: np.cumsum(a, axis=axis).reshape((N, N)) / N, {"axis": (None, 0, 1, -1)}),
    "cumprod": (lambda np, a, axis: np.cumprod(np.tanh(a), axis=axis).reshape((N, N)), {"axis": (None, 0, 1, -1)}),
    "sort": (lambda np, a, axis: np.sort(a, axis=axis).reshape((N, N)), {"axis": (None, 0, 1, -1)}),
    "sum": (lambda np, a, **options: fitted(np, np.sum(a, **options)) / N + a * 0.1, KEPT),
    "mean": (lambda np, a, **options: a - np.mean(a, **options), KEPT),
    "prod": (lambda np, a, **options: np.prod(1 + 0.3 * np.tanh(a), **options) + a * 0.1, KEPT),
    "var": (lambda np, a, **options: np.tanh(np.var(a, **options)) + a * 0.1, {**KEPT, "ddof": (0, 1, 2)}),
    "std": (
        lambda np, a, **options: np.std(np.tanh(a) + 2 * np.arange(9.0).reshape((3, 3)), **options) * 0.1 - a * 0.2,
        {**KEPT, "ddof": (0, 1, 2)},
    ),
    "max": (lambda np, a, **options: np.max(a, **options) - a, KEPT),
    "min": (lambda np, a, **options: np.min(a, **options) + a * 0.5, KEPT),
    "ptp": (lambda np, a, **options: np.ptp(a, **options) - a, KEPT),
    "average": (
        lambda np, a, axis: np.average(a, axis, weights=np.array([1.0, 0.5, 2.0])) + a * 0.1,
        {"axis": (0, 1, -1)},
    ),
    "median": (lambda np, a, **options: np.median(a, **options) + a * 0.2, KEPT),
    "quantile": (
        lambda np, a, q, **options: np.quantile(a, q, **options) + a * 0.2,
        {"q": (0.3, 0.0, 1.0, 0.77), **KEPT, "method": ("linear", "lower", "higher", "midpoint")},
    ),
    "clip": (lambda np, a, low, high: np.clip(a, low, high) + 0.1 * a, {"low": (-0.7, None), "high": (0.9, 0.1)}),
    "getitem": (lambda np, a: a[np.array([2, 0, 2])] * 0.7, {}),
    "slice": (lambda np, a, axis: np.concatenate([a[1:], a[:1]], axis=axis).reshape((N, N)), {"axis": (0,)}),
    "take": (
        lambda np, a, axis, mode: np.take(a, np.array([1, 4, 0]), axis=axis, mode=mode) - a * 0.1,
        {"axis": (None, 0, 1), "mode": ("wrap", "clip")},
    ),
    "pad": (
        lambda np, a, width, mode: np.pad(a, width, mode=mode)[:N, -N:] + 0.2 * a,
        {
            "width": (1, ((0, 2), (1, 0)), ((2, 1), (2, 1))),
            "mode": ("constant", "edge", "reflect", "symmetric", "wrap"),
        },
    ),
    "tile": (lambda np, a, reps: squared(np, np.tile(a[:1], reps)) - a * 0.3, {"reps": (N, (N, 1), (2, 2))}),
    "repeat": (
        lambda np, a, repeats, axis: squared(np, np.repeat(a, repeats, axis=axis)) + a * 0.1,
        {"repeats": (2, 3), "axis": (None, 0, 1)},
    ),
    "diff": (
        lambda np, a, n, axis: np.diff(a, n=n, axis=axis, prepend=0.3, append=0.7)[:N, :N].sum() * 0.1 + a * 0.5,
        {"n": (0, 1, 2), "axis": (0, 1, -1)},
    ),
    "gradient": (lambda np, a, axis: np.gradient(a, 0.5, axis=axis) * 0.3, {"axis": (0, 1)}),
    "trapezoid": (
        lambda np, a, dx, axis: np.trapezoid(a, dx=dx, axis=axis) + a * 0.2,
        {"dx": (1.0, 0.5), "axis": (0, 1, -1)},
    ),
    "vander": (
        # not of 0, as an a that is all its own maximum would be: JAX's derivative of its powers there is NaN
        lambda np, a, N, increasing: squared(np, np.vander(1.2 + np.tanh(a[0]), N, increasing=increasing)) + a * 0.1,
        {"N": (None, 2, 4), "increasing": (False, True)},
    ),
    "linspace": (
        lambda np, a, num, endpoint, axis: squared(np, np.linspace(a[0], a[1], num, endpoint, axis=axis)) + a * 0.1,
        {"num": (2, 3, 5), "endpoint": (True, False), "axis": (0, -1)},
    ),
    "inv": (lambda np, a: np.linalg.inv(2 * np.eye(N) + 0.3 * np.tanh(a)), {}),
    "pinv": (lambda np, a: squared(np, np.linalg.pinv((2 * np.eye(N) + 0.3 * np.tanh(a))[:, :2])) + a * 0.1, {}),
    "det": (lambda np, a: np.tanh(np.linalg.det(np.eye(N) + 0.3 * np.tanh(a))) + a * 0.1, {}),
    "slogdet": (lambda np, a: np.linalg.slogdet(2 * np.eye(N) + 0.3 * np.tanh(a))[1] - a * 0.1, {}),
    "cholesky": (
        lambda np, a, upper: np.linalg.cholesky(np.eye(N) + np.tanh(a) @ np.tanh(a).T, upper=upper),
        {"upper": (False, True)},
    ),
    "matrix_power": (
        lambda np, a, n: np.linalg.matrix_power(np.tanh(a) / 2 + np.eye(N), n) / 3,
        {"n": (0, 1, 2, 3, 5, -1)},
    ),
    "norm": (
        lambda np, a, ord, **options: a / (1 + np.linalg.norm(aside(np, a), ord, **options)),
        {"ord": (None, 1, 2, 3, float("inf")), "axis": (0, 1, -1), "keepdims": (False, True)},
    ),
    "matrix norm": (
        lambda np, a, ord, **options: a / (1 + np.linalg.norm(aside(np, a), ord, **options)),
        {"ord": ("fro", 1, -1, float("inf")), "axis": (None, (0, 1), (1, 0)), "keepdims": (False, True)},
    ),
    "eigvalsh": (
        lambda np, a, UPLO: (
            np.tanh(
                np.linalg.eigvalsh(0.2 * (np.tanh(a) + np.tanh(a).T) + np.diag(np.array([0.0, 3.0, 7.0])), UPLO=UPLO)
            )
            + a * 0.1
        ),
        {"UPLO": ("L", "U")},
    ),
    "trace": (lambda np, a, offset: np.tanh(np.trace(a, offset)) - a * 0.3, {"offset": (0, 1, -1)}),
    "without NaN": (
        lambda np, a, name, **options: (
            fitted(np, np.tanh(getattr(np, name)(np.where(np.eye(N) > 0, np.nan, aside(np, a)), **options))) + a * 0.1
        ),
        {"name": ("nansum", "nanprod", "nanmax", "nanmin", "nanmean"), **KEPT},
    ),
    "variance without NaN": (
        lambda np, a, **options: np.tanh(np.nanvar(np.where(np.eye(N) > 0, np.nan, a), **options)) + a * 0.1,
        {**KEPT, "ddof": (0, 1)},
    ),
    "corrected": (lambda np, a, **options: np.tanh(np.var(a, **options)) - a * 0.1, {**KEPT, "correction": (0, 1, 2)}),
    "percentile": (
        lambda np, a, q, **options: np.percentile(a, q, **options) - a * 0.2,
        {"q": (30, 0, 100, 77), **KEPT, "method": ("linear", "nearest", "higher", "midpoint")},
    ),
    "cov": (
        lambda np, a, **options: np.cov(np.tanh(a), **options) + a * 0.1,
        {"rowvar": (True, False), "bias": (False, True), "ddof": (None, 0, 1, 2)},
    ),
    "corrcoef": (
        lambda np, a, rowvar: np.corrcoef(np.tanh(a) + 5 * np.eye(N), rowvar=rowvar),
        {"rowvar": (True, False)},
    ),
    "partition": (
        lambda np, a, kth, axis: np.sum(np.partition(a, kth, axis=axis)[:kth]) * 0.2 + a * 0.5,
        {"kth": (1, 2), "axis": (0, -2)},
    ),
    "argsort": (
        lambda np, a, axis: np.take_along_axis(np.sin(a), np.argsort(a, axis=axis), axis=axis),
        {"axis": (0, 1, -1)},
    ),
    "searchsorted": (
        lambda np, a, side: a * np.searchsorted(np.array([-0.5, 0.2, 1.0]), a, side=side) * 0.3,
        {"side": ("left", "right")},
    ),
    "unwrap": (
        lambda np, a, **options: np.unwrap(3 * a, **options) * 0.3,
        {"discont": (None, 4.0), "axis": (0, 1, -1), "period": (6.0, 3.0)},
    ),
    "delete": (
        lambda np, a, obj, axis: squared(np, np.delete(a, obj, axis=axis)) * 0.8,
        {"obj": (1, -1), "axis": (None, 0, 1)},
    ),
    "meshgrid": (
        lambda np, a, **options: fitted(np, np.meshgrid(a[0], np.sin(a[:, 1]), **options)[1]),
        {"indexing": ("xy", "ij"), "sparse": (False, True)},
    ),
    "uneven gradient": (
        lambda np, a, axis: np.gradient(a, np.array([0.0, 1.0, 3.0]), axis=axis) * 0.3,
        {"axis": (0, 1)},
    ),
    "qr": (lambda np, a, mode: np.abs(qr_of(np, 2 * np.eye(N) + 0.3 * np.tanh(a), mode)), {"mode": ("reduced", "r")}),
    "svd": (
        lambda np, a, compute_uv: (
            np.linalg.svd(spread(np, a), compute_uv=False)
            if not compute_uv
            else np.square(np.linalg.svd(spread(np, a), full_matrices=False)[2])
        ),
        {"compute_uv": (False, True)},
    ),
    "eigh": (lambda np, a, UPLO: np.square(np.linalg.eigh(spread(np, a), UPLO=UPLO)[1]), {"UPLO": ("L", "U")}),
    "spectral norm": (
        lambda np, a, ord, **options: a / (1 + np.linalg.norm(spread(np, a), ord, **options)),
        {"ord": (2, -2, "nuc"), "axis": (None, (0, 1), (1, 0)), "keepdims": (False, True)},
    ),
    "cond": (lambda np, a, p: np.tanh(np.linalg.cond(spread(np, a), p) / 9) - a * 0.3, {"p": (None, 2, -2, 1, "fro")}),
}
BINARY = {
    "add": (lambda np, a, b: (a + b) * 0.6, {}),
    "subtract": (lambda np, a, b: a - 0.5 * b, {}),
    "multiply": (lambda np, a, b: np.tanh(a) * b, {}),
    "divide": (lambda np, a, b: a / (1.5 + np.cos(b)), {}),
    "matmul": (lambda np, a, b: np.tanh(a) @ b / N, {}),
    "einsum": (
        lambda np, a, b, subscripts: np.einsum(subscripts, np.sin(b), a) / N + a * 0.1,
        {"subscripts": ("ij,kj->ik", "ij,jk", "ij,ij->i", "ii,ij->ji", "ij,kl->jk", "...j,...k->...k", "ij,kk->ij")},
    ),
    "outer": (lambda np, a, b: np.outer(a[0], np.tanh(b)[:, 1]), {}),
    "maximum": (lambda np, a, b: np.maximum(a, b), {}),
    "minimum": (lambda np, a, b: np.minimum(a, 0.5 * b), {}),
    "where": (lambda np, a, b: np.where(a > b, a * 0.5, np.sin(b)), {}),
    "logaddexp": (lambda np, a, b: np.logaddexp(a, b) - 0.5, {}),
    "hypot": (lambda np, a, b: np.hypot(a, 1 + b * b) * 0.5, {}),
    "arctan2": (lambda np, a, b: np.arctan2(a, 1.1 + np.sin(b)), {}),
    "concatenate": (
        lambda np, a, b, axis: squared(np, np.concatenate([a, b], axis=axis)) * 0.7,
        {"axis": (None, 0, 1, -1)},
    ),
    "append": (lambda np, a, b, axis: squared(np, np.append(b, a, axis=axis)) * 0.7, {"axis": (None, 0, 1)}),
    "stack": (lambda np, a, b, axis: np.stack([a[0], b[1], a[2] * b[0]], axis=axis), {"axis": (0, 1, -1)}),
    "kron": (lambda np, a, b: np.kron(a[:1], np.tanh(b)[:, :1]), {}),
    "solve": (
        lambda np, a, b, vector: fitted(np, np.linalg.solve(2 * np.eye(N) + 0.3 * np.tanh(a), b[0] if vector else b)),
        {"vector": (False, True)},
    ),
    "stack solved": (
        lambda np, a, b: squared(np, np.linalg.solve(2 * np.eye(N) + 0.3 * np.tanh(a) * b[:, :, None], b[0])),
        {},
    ),
    "tensordot": (
        lambda np, a, b, axes: np.tensordot(np.tanh(a), b, axes=axes) / N + a * 0.1,
        {"axes": (1, 2, (0, 1), ([1], [1]), ([0, 1], [1, 0]))},
    ),
    "inner": (lambda np, a, b: np.inner(np.tanh(a), b) / N, {}),
    "cross": (
        lambda np, a, b, **axes: np.cross(np.tanh(a), np.tanh(b), **axes) + a * 0.1,
        {"axisa": (0, -1), "axisb": (0, -1), "axisc": (0, -1)},
    ),
    "convolve": (
        lambda np, a, b, mode: squared(np, np.convolve(np.ravel(a)[:5], np.tanh(b)[0], mode=mode)) / N + a * 0.1,
        {"mode": ("full", "same", "valid")},
    ),
    "interp": (
        lambda np, a, b, **options: np.interp(np.sin(a), np.array([-0.9, 0.1, 0.8]), b[0], **options) + a * 0.1,
        {"left": (None, 0.5), "right": (None, -0.5), "period": (None, 2.5)},
    ),
    "of two": (
        lambda np, a, b, name: getattr(np, name)(1.5 + 0.4 * np.sin(a), 1.4 - 0.3 * np.cos(b)) * 0.5,
        {"name": ("logaddexp2", "float_power", "fmod", "remainder", "fmax", "fmin", "copysign", "true_divide")},
    ),
    "cov of two": (
        lambda np, a, b, **options: np.cov(np.tanh(a[:1]), np.tanh(b[1:]), **options) + a * 0.1,
        {"bias": (False, True), "ddof": (None, 0, 2)},
    ),
    "insert": (
        lambda np, a, b, obj, axis: squared(np, np.insert(a, obj, b[0], axis=axis)) * 0.7,
        {"obj": (0, 2, -1), "axis": (0, 1)},
    ),
    "choose": (
        lambda np, a, b, mode: np.choose(np.array([0, 1, 3]), [a, np.sin(b)], mode=mode),
        {"mode": ("clip", "wrap")},
    ),
    "select": (lambda np, a, b, default: np.select([a > 0.5, b > 0], [np.sin(b), a], default), {"default": (0.0, 0.7)}),
    "trapezoid of x": (
        lambda np, a, b, axis: np.trapezoid(a, np.sin(b), axis=axis) + a * 0.2,
        {"axis": (0, 1, -1)},
    ),
    "einsum of three": (
        lambda np, a, b, optimize: np.einsum("ij,jk,kl->il", np.tanh(a), b, np.sin(a), optimize=optimize) / N,
        {"optimize": (False, True)},
    ),
    "vecdot": (lambda np, a, b, axis: np.vecdot(np.tanh(a), b, axis=axis) * 0.5 + a * 0.1, {"axis": (0, -1)}),
    "multi_dot": (lambda np, a, b: np.linalg.multi_dot([np.tanh(a), b[:, :2], np.sin(b)[:2]]) / N, {}),
    "lstsq": (lambda np, a, b: fitted(np, np.linalg.lstsq((2 * np.eye(N) + 0.3 * np.tanh(a))[:, :2], b)[0][:1]), {}),
}


def step(name):
    """Which operation, which of the earlier results it reads, with which options."""
    _, options = OPERATIONS[name]
    places = st.lists(st.integers(0, 99), min_size=1 + (name in BINARY), max_size=1 + (name in BINARY))
    return st.tuples(st.just(name), places, st.fixed_dictionaries({k: st.sampled_from(v) for k, v in options.items()}))


OPERATIONS = UNARY | BINARY
steps = st.sampled_from(sorted(OPERATIONS)).flatmap(step)
programs = st.lists(steps, min_size=1, max_size=30)


def run(np, program, *inputs):
    """Every step reads results of earlier ones; the last few count in the result."""
    values = list(inputs)
    for name, places, options in program:
        operands = [values[-1 - place % len(values)] for place in places]
        values.append(fitted(np, OPERATIONS[name][0](np, *operands, **options)))
    return sum(np.sum(np.sin(value)) for value in values[-3:])
