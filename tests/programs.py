"""Random programs of some seventy kinds of NumPy operations; `np` may be NumPy itself or a namespace like it."""

from hypothesis import strategies as st

N = 3  # every operation takes and gives N × N matrices of moderate size

UNARY = {
    "tanh": lambda np, a: np.tanh(a),
    "sin": lambda np, a: np.sin(2 * a),
    "cos": lambda np, a: np.cos(a),
    "exp": lambda np, a: np.exp(-np.square(a)),
    "expm1": lambda np, a: np.expm1(np.tanh(a)),
    "log1p": lambda np, a: np.log1p(a * a),
    "log": lambda np, a: np.log(1.5 + np.sin(a)),
    "sqrt": lambda np, a: np.sqrt(0.5 + np.square(np.sin(a))),
    "cbrt": lambda np, a: np.cbrt(2 + np.cos(a)),
    "arctan": lambda np, a: np.arctan(a),
    "arcsinh": lambda np, a: np.arcsinh(a),
    "sinc": lambda np, a: np.sinc(a),
    "power": lambda np, a: (1.2 + np.cos(a)) ** 1.7,
    "abs": lambda np, a: np.abs(a) - 0.3,
    "negative": lambda np, a: -a,
    "reciprocal": lambda np, a: 1 / (1 + a * a),
    "softmax": lambda np, a: (
        np.exp(a - np.max(a, axis=1, keepdims=True))
        / np.sum(np.exp(a - np.max(a, axis=1, keepdims=True)), axis=1, keepdims=True)
    ),
    "transpose": lambda np, a: a.T,
    "reshape": lambda np, a: np.reshape(np.reshape(a, (-1,))[::-1], (N, N)),
    "flip": lambda np, a: np.flip(a, 0),
    "roll": lambda np, a: np.roll(a, 1, axis=1),
    "rot90": lambda np, a: np.rot90(a),
    "tril": lambda np, a: np.tril(a) + np.triu(a, 1) * 0.5,
    "diag": lambda np, a: np.diag(np.diag(a)) + a * 0.1,
    "cumsum": lambda np, a: np.cumsum(a, axis=0) / N,
    "cumprod": lambda np, a: np.cumprod(np.tanh(a), axis=1),
    "sort": lambda np, a: np.sort(a, axis=1),
    "sum": lambda np, a: np.sum(a, axis=0) / N + a * 0.1,
    "mean": lambda np, a: a - np.mean(a),
    "prod": lambda np, a: np.prod(1 + 0.3 * np.tanh(a), axis=1, keepdims=True) + a * 0.1,
    "var": lambda np, a: np.tanh(np.var(a, axis=0)) + a * 0.1,
    "std": lambda np, a: np.std(a + np.arange(N), axis=1, keepdims=True) - a * 0.2,
    "max": lambda np, a: np.max(a, axis=0) - a,
    "min": lambda np, a: np.min(a, axis=1, keepdims=True) + a * 0.5,
    "median": lambda np, a: np.median(a, axis=0) + a * 0.2,
    "quantile": lambda np, a: np.quantile(a, 0.3, axis=1, keepdims=True) + a * 0.2,
    "clip": lambda np, a: np.clip(a, -0.7, 0.9) + 0.1 * a,
    "getitem": lambda np, a: a[np.array([2, 0, 2])] * 0.7,
    "slice": lambda np, a: np.concatenate([a[1:], a[:1]], axis=0),
    "take": lambda np, a: np.take(a, np.array([1, 1, 0]), axis=1),
    "pad": lambda np, a: np.pad(a, 1)[:N, :N] + 0.2 * a,
    "tile": lambda np, a: np.tile(a[:1], (N, 1)) - a * 0.3,
    "repeat": lambda np, a: np.repeat(a[:, 1], N).reshape((N, N)) + a * 0.1,
    "diff": lambda np, a: np.diff(a, axis=0, prepend=a[:1]) * 0.5,
    "inv": lambda np, a: np.linalg.inv(2 * np.eye(N) + 0.3 * np.tanh(a)),
    "det": lambda np, a: np.tanh(np.linalg.det(np.eye(N) + 0.3 * np.tanh(a))) + a * 0.1,
    "slogdet": lambda np, a: np.linalg.slogdet(2 * np.eye(N) + 0.3 * np.tanh(a))[1] - a * 0.1,
    "cholesky": lambda np, a: np.linalg.cholesky(np.eye(N) + np.tanh(a) @ np.tanh(a).T),
    "norm": lambda np, a: a / (1 + np.linalg.norm(a)),
    "eigvalsh": lambda np, a: (
        np.tanh(np.linalg.eigvalsh(0.2 * (np.tanh(a) + np.tanh(a).T) + np.diag(np.array([0.0, 3.0, 7.0])))) + a * 0.1
    ),
    "trace": lambda np, a: np.tanh(np.trace(a)) - a * 0.3,
}
BINARY = {
    "add": lambda np, a, b: (a + b) * 0.6,
    "subtract": lambda np, a, b: a - 0.5 * b,
    "multiply": lambda np, a, b: np.tanh(a) * b,
    "divide": lambda np, a, b: a / (1.5 + np.cos(b)),
    "matmul": lambda np, a, b: np.tanh(a) @ b / N,
    "einsum": lambda np, a, b: np.einsum("ij,kj->ik", a, np.sin(b)) / N,
    "outer": lambda np, a, b: np.outer(a[0], np.tanh(b)[:, 1]),
    "maximum": lambda np, a, b: np.maximum(a, b),
    "minimum": lambda np, a, b: np.minimum(a, 0.5 * b),
    "where": lambda np, a, b: np.where(a > b, a * 0.5, np.sin(b)),
    "logaddexp": lambda np, a, b: np.logaddexp(a, b) - 0.5,
    "hypot": lambda np, a, b: np.hypot(a, 1 + b * b) * 0.5,
    "arctan2": lambda np, a, b: np.arctan2(a, 1.1 + np.sin(b)),
    "concatenate": lambda np, a, b: np.concatenate([a[:1], b[1:]], axis=0),
    "stack": lambda np, a, b: np.stack([a[0], b[1], a[2] * b[0]], axis=1),
    "kron": lambda np, a, b: np.kron(a[:1], np.tanh(b)[:, :1]),
    "solve": lambda np, a, b: np.linalg.solve(2 * np.eye(N) + 0.3 * np.tanh(a), b),
    "tensordot": lambda np, a, b: np.tensordot(np.tanh(a), b, axes=(0, 1)) / N,
    "cross": lambda np, a, b: np.cross(np.tanh(a), np.tanh(b)),
}

steps = st.one_of(
    st.tuples(st.sampled_from(sorted(UNARY)), st.integers(0, 99)),
    st.tuples(st.sampled_from(sorted(BINARY)), st.integers(0, 99), st.integers(0, 99)),
)


programs = st.lists(steps, min_size=1, max_size=30)


def run(np, program, *inputs):
    """Every step reads results of earlier ones; the last few count in the result."""
    values = list(inputs)
    for name, *places in program:
        operands = [values[-1 - place % len(values)] for place in places]
        values.append((UNARY.get(name) or BINARY[name])(np, *operands))
    return sum(np.sum(np.sin(value)) for value in values[-3:])
