"""Mistakes that people really made in hand-written backpropagation, planted in right implementations.

Each is a replacement of text in a source of `right.RIGHT`: `planted[name]` lists (old, new), and each old text stands
exactly once in the source. The words are ours; where the mistake was seen is said by repository#number of an issue or
a pull request, or by the forum's number of a thread; where it is empty, we thought of it ourselves.

What a mistake needs to be seen stands in `seen_if`, by implementation ("*" for all others):

- "": any network of distinct widths shows it, by its numbers or by a wrong shape;
- "square": it runs only where all layers have one width (elsewhere NumPy raises);
- "square batch": it runs only where the batch, too, is as large as the layers are wide;
- "cost": all gradients have a common factor that is a convention elsewhere (1/n, ½, the sign); only the cost that is
  returned, or the update, shows that it is none;
- "raises": it never runs.

`same_as` names other answers that are as right: no numbers can tell them apart.
"""

from typing import NamedTuple

from diagnose.right import RIGHT

Changes = list[tuple[str, str]]


class Mistake(NamedTuple):
    """One mistake, in every implementation where it can occur."""

    slug: str
    equation: str  # the first wrong one in backward order: "BP1" ... "BP4"; or "forward", "cost", "state"
    what: str
    seen_in: str
    planted: dict[str, Changes]
    seen_if: dict[str, str] = {}  # noqa: RUF012  (never changed)
    same_as: tuple[tuple[str, str], ...] = ()  # (equation, slug)

    def needs(self, name: str) -> str:
        return self.seen_if.get(name, self.seen_if.get("*", ""))


def source_with(mistake: Mistake, name: str) -> str:
    """The text of the implementation `name` with the mistake in it."""
    source = RIGHT[name].source
    for old, new in mistake.planted[name]:
        if source.count(old) != 1:
            raise ValueError(f"{mistake.equation} {mistake.slug} in {name}: {source.count(old)} times {old!r}")
        source = source.replace(old, new)
    return source


EVERYWHERE_SQUARE = {"*": "square"}
ONLY_BY_COST = {"*": "cost"}

# --- BP1: δ^L = ∇_a C ⊙ σ'(z^L) ---------------------------------------------------------------------

BP1 = [
    Mistake(
        "no-sigma-prime", "BP1", "σ'(z^L) is missing although the cost is quadratic",
        "jiexunsee/Neural-Network-with-Python#1, louisjc/mnist-neural-network#1, "
        "Bot-Academy/NeuralNetworkFromScratch#3",
        {
            "nielsen": [("(activations[-1], y) * sigmoid_prime(zs[-1])", "(activations[-1], y)")],
            "nielsen_batch": [("error * sigmoid_prime(Zs[-1])", "error")],
            "welch": [("outputError * self.sigmoidPrime(self.z3)", "outputError")],
            "deep": [("return dA * s * (1 - s)", "return dA")],
            "dense_columns": [("in reversed(self.layers):", "in reversed(self.layers[:-1]):")],
            "plain_rows": [("(a[L] - y) / n * dsigmoid(z[L])", "(a[L] - y) / n")],
            "plain_columns": [("(As[L] - y) * As[L] * (1 - As[L])", "As[L] - y")],
            "plain_descent": [("delta = error * out * (1 - out)", "delta = error * out * (1 - out) if l < len(weights) else error")],
            "script": [("l2_error * nonlin(l2, deriv=True)", "l2_error")],
        },
    ),
    Mistake(
        "extra-sigma-prime", "BP1", "σ'(z^L) is multiplied in although the cost cancels it, or the output is linear",
        "mnielsen/neural-networks-and-deep-learning#45, #77, bpjsincl/coursera-neural-net#14, "
        "hunkim/DeepLearningZeroToAll#112",
        {
            "nielsen_cross_entropy": [("return np.subtract(a, y)", "return np.subtract(a, y) * sigmoid_prime(z)")],
            "welch_biases": [("(prediction - y) / n", "(prediction - y) * (1 - prediction**2) / n")],
            "planar": [("dZ2 = A2 - Y", "dZ2 = (A2 - Y) * A2 * (1 - A2)")],
            "deep": [("dA = -(np.divide(Y, AL) - np.divide(1 - Y, 1 - AL))", "dA = AL - Y")],
            "two_layer_net": [("dscores /= N", "dscores *= probs * (1 - probs) / N")],
            "fully_connected": [("dx = dx / N", "probs = np.exp(log_probs)\n    dx = dx * probs * (1 - probs) / N")],
            "book_layers": [("self.dinputs / samples", "self.dinputs * dvalues * (1 - dvalues) / samples")],
            "coursera": [("d3 = h - Y", "d3 = (h - Y) * sigmoidGradient(z3)")],
            "coursera_loop": [("delta3 = a3 - yt", "delta3 = (a3 - yt) * a3 * (1 - a3)")],
            "plain_rows_sum": [("grad = 2 * (prediction - y)", "grad = 2 * (prediction - y) * (1 - prediction**2)")],
            "plain_dict": [("delta = (activations[-1] - y)", "delta = (activations[-1] - y) * activations[-1] * (1 - activations[-1])")],
        },
    ),
    Mistake(
        "sign", "BP1", "y - a where a - y belongs: the update climbs",
        "dennybritz/nn-from-scratch#11, iamtrask/Grokking-Deep-Learning#37",
        {
            "welch": [("outputError = -(y - self.yHat)", "outputError = y - self.yHat")],
            "welch_biases": [("(prediction - y) / n", "(y - prediction) / n")],
            "two_layer_net": [("dscores /= N", "dscores /= -N")],
            "fully_connected": [("dx = dx / N", "dx = -dx / N")],
            "dense_columns": [("2 * (y_pred - y_true)", "2 * (y_true - y_pred)")],
            "dense_rows": [("grad = (out - y) / len(x)", "grad = (y - out) / len(x)")],
            "book_softmax": [("self.dinputs = -targets", "self.dinputs = targets")],
            "coursera": [("d3 = h - Y", "d3 = Y - h")],
            "coursera_loop": [("delta3 = a3 - yt", "delta3 = yt - a3")],
            "script": [("l2_error = y - l2", "l2_error = l2 - y")],
        },
        ONLY_BY_COST,
    ),
    Mistake(
        "factor-2", "BP1", "the 2 of the square is kept although C has its ½, or is lost although C has none",
        "Open-Deep-ML/DML-OpenProblem#54, markroxor/fromscratchtoml#65",
        {
            "welch": [("outputError = -(y - self.yHat)", "outputError = -2 * (y - self.yHat)")],
            "welch_biases": [("(prediction - y) / n", "2 * (prediction - y) / n")],
            "dense_columns": [("2 * (y_pred - y_true)", "(y_pred - y_true)")],
            "dense_rows": [("grad = (out - y) / len(x)", "grad = 2 * (out - y) / len(x)")],
        },
        ONLY_BY_COST,
    ),
    Mistake(
        "one-over-n-missing", "BP1", "the cost is a mean over the batch but δ^L does not carry the 1/n",
        "nndl/nndl-exercise-ans#1, hunkim/DeepLearningZeroToAll#173, janchorowski/nn_assignments#21",
        {
            "welch_biases": [("(prediction - y) / n", "prediction - y")],
            "two_layer_net": [("        dscores /= N\n", "")],
            "fully_connected": [("    dx = dx / N\n", "")],
            "dense_rows": [("grad = (out - y) / len(x)", "grad = out - y")],
            "book_layers": [("self.dinputs / samples", "self.dinputs")],
            "book_softmax": [("-targets / predictions / len(predictions)", "-targets / predictions")],
        },
        ONLY_BY_COST,
        (("BP4", "one-over-n-missing"),),
    ),
    Mistake(
        "one-over-n-double", "BP1", "δ^L is divided by n although that is done already",
        "lipiji/rnn-theano#3, SkalskiP/ILearnDeepLearning.py#29",
        {
            "welch_biases": [("(prediction - y) / n", "(prediction - y) / n / n")],
            "planar": [("dZ2 = A2 - Y", "dZ2 = (A2 - Y) / m")],
            "deep": [("np.divide(1 - Y, 1 - AL))", "np.divide(1 - Y, 1 - AL)) / Y.shape[1]")],
            "two_layer_net": [("dscores /= N", "dscores /= N * N")],
            "fully_connected": [("dx = dx / N", "dx = dx / N / N")],
            "dense_rows": [("grad = (out - y) / len(x)", "grad = (out - y) / len(x) ** 2")],
            "book_layers": [("self.dinputs / samples", "self.dinputs / samples / samples")],
            "book_softmax": [("jacobian @ dvalue", "jacobian @ dvalue / len(dvalues)")],
            "coursera": [("d3 = h - Y", "d3 = (h - Y) / m")],
            "coursera_loop": [("delta3 = a3 - yt", "delta3 = (a3 - yt) / m")],
            "plain_rows": [("(a[L] - y) / n *", "(a[L] - y) / n / n *")],
            "plain_columns": [("(As[L] - y) * As[L]", "(As[L] - y) / m * As[L]")],
            "plain_dict": [("(activations[-1] - y) / y.shape[0]", "(activations[-1] - y) / y.shape[0] ** 2")],
        },
        same_as=(("BP4", "one-over-n-double"),),
    ),
    Mistake(
        "softmax-diagonal", "BP1", "of softmax's Jacobian only the diagonal p(1 - p) is kept",
        "Apiquet/DeepLearningFrameworkFromScratchCpp#1, deeplearning4j/libnd4j#440, "
        "HomericIntelligence/Odyssey#2134, SebLague/Neural-Network-Experiments#5",
        {
            "two_layer_net": [
                ("dscores = probs.copy()", "dscores = np.zeros_like(probs)"),
                ("dscores[np.arange(N), y] -= 1", "dscores[np.arange(N), y] -= 1 - probs[np.arange(N), y]"),
            ],
            "fully_connected": [
                ("dx = np.exp(log_probs)", "dx = np.zeros_like(x)"),
                ("dx[np.arange(N), y] -= 1", "dx[np.arange(N), y] -= 1 - np.exp(log_probs[np.arange(N), y])"),
            ],
            "book_layers": [
                ("        samples = len(dvalues)\n        self.dinputs = dvalues.copy()", "        samples = len(dvalues)\n        self.dinputs = np.zeros_like(dvalues)"),
                ("self.dinputs[range(samples), y_true] -= 1", "self.dinputs[range(samples), y_true] -= 1 - dvalues[range(samples), y_true]"),
            ],
            "book_softmax": [("np.diag(p) - np.outer(p, p)", "np.diag(p * (1 - p))")],
            "plain_dict": [("delta = (activations[-1] - y)", "delta = -y * (1 - activations[-1])")],
        },
    ),
    Mistake(
        "softmax-unchanged", "BP1", "the gradient goes through softmax unchanged: ∂C/∂a is taken for ∂C/∂z",
        "pjreddie/darknet#96",
        {
            "two_layer_net": [
                ("dscores = probs.copy()", "dscores = np.zeros_like(probs)"),
                ("dscores[np.arange(N), y] -= 1", "dscores[np.arange(N), y] -= 1 / probs[np.arange(N), y]"),
            ],
            "fully_connected": [
                ("dx = np.exp(log_probs)", "dx = np.zeros_like(x)"),
                ("dx[np.arange(N), y] -= 1", "dx[np.arange(N), y] -= 1 / np.exp(log_probs[np.arange(N), y])"),
            ],
            "book_layers": [
                ("        samples = len(dvalues)\n        self.dinputs = dvalues.copy()", "        samples = len(dvalues)\n        self.dinputs = np.zeros_like(dvalues)"),
                ("self.dinputs[range(samples), y_true] -= 1", "self.dinputs[range(samples), y_true] -= 1 / dvalues[range(samples), y_true]"),
            ],
            "book_softmax": [("jacobian @ dvalue", "dvalue")],
            "plain_dict": [("delta = (activations[-1] - y)", "delta = -y / activations[-1]")],
        },
    ),
    Mistake(
        "softmax-jacobian-sign", "BP1", "softmax's Jacobian with + p pᵀ off the diagonal",
        "mlpack/mlpack#2360",
        {"book_softmax": [("np.diag(p) - np.outer(p, p)", "np.diag(p) + np.outer(p, p)")]},
    ),
    Mistake(
        "sigma-prime-of-a", "BP1", "σ'(a^L) where σ'(z^L) belongs",
        "dwhitena/gophernet#6, benoitfragit/libBrain#78, tsoding/nn.h#18",
        {
            "nielsen": [("* sigmoid_prime(zs[-1])", "* sigmoid_prime(activations[-1])")],
            "nielsen_batch": [("error * sigmoid_prime(Zs[-1])", "error * sigmoid_prime(As[-1])")],
            "welch": [("self.sigmoidPrime(self.z3)", "self.sigmoidPrime(self.yHat)")],
            "deep": [("s = sigmoid(Z)\n    return", "s = sigmoid(sigmoid(Z))\n    return")],
            "dense_columns": [("1 - np.tanh(self.input) ** 2", "1 - np.tanh(np.tanh(self.input)) ** 2")],
            "plain_rows": [("dsigmoid(z[L])", "dsigmoid(a[L])")],
            "plain_columns": [("(As[L] - y) * As[L] * (1 - As[L])", "(As[L] - y) * sigma(As[L]) * (1 - sigma(As[L]))")],
            "plain_descent": [("        out = outputs[l]\n", "        out = outputs[l]\n        out = sigmoid(out) if l == len(weights) else out\n")],
            "script": [("nonlin(l2, deriv=True)", "nonlin(nonlin(l2), deriv=True)")],
        },
    ),
    Mistake(
        "sigma-prime-of-z-as-a", "BP1", "z(1 - z), or 1 - z²: the form of σ' for a, used on z",
        "BoltzmannEntropy/interviews.ai#15, kyle8998/Sudo-Productivity#3",
        {
            "nielsen": [("return sigmoid(z) * (1 - sigmoid(z))", "return z * (1 - z)")],
            "nielsen_batch": [("return s * (1.0 - s)", "return z * (1.0 - z)")],
            "welch": [("return np.exp(-z) / ((1 + np.exp(-z)) ** 2)", "return z * (1 - z)")],
            "deep": [("return dA * s * (1 - s)", "return dA * Z * (1 - Z)")],
            "dense_columns": [("1 - np.tanh(self.input) ** 2", "1 - self.input**2")],
            "plain_rows": [("return sigmoid(z) * (1 - sigmoid(z))", "return z * (1 - z)")],
            "plain_columns": [("* As[L] * (1 - As[L])", "* Zs[-1] * (1 - Zs[-1])")],
            "script": [("nonlin(l2, deriv=True)", "nonlin(np.dot(l1, syn1) + bias1, deriv=True)")],
        },
    ),
    Mistake(
        "sigma-for-sigma-prime", "BP1", "σ itself where σ' belongs",
        "",
        {
            "nielsen": [("return sigmoid(z) * (1 - sigmoid(z))", "return sigmoid(z)")],
            "nielsen_batch": [("return s * (1.0 - s)", "return s")],
            "deep": [("return dA * s * (1 - s)", "return dA * s")],
            "dense_columns": [("1 - np.tanh(self.input) ** 2", "np.tanh(self.input)")],
            "plain_rows": [("return sigmoid(z) * (1 - sigmoid(z))", "return sigmoid(z)")],
            "plain_columns": [("* As[L] * (1 - As[L])", "* As[L]")],
            "script": [("l2_error * nonlin(l2, deriv=True)", "l2_error * l2")],
        },
    ),
    Mistake(
        "not-cost-derivative", "BP1", "the target is not subtracted: a where a - y belongs",
        "",
        {
            "nielsen": [("return a - y", "return a")],
            "nielsen_batch": [("error = A - Y", "error = A")],
            "nielsen_cross_entropy": [("return np.subtract(a, y)", "return a")],
            "planar": [("dZ2 = A2 - Y", "dZ2 = A2")],
            "two_layer_net": [("        dscores[np.arange(N), y] -= 1\n", "")],
            "fully_connected": [("    dx[np.arange(N), y] -= 1\n", "")],
            "book_layers": [("        self.dinputs[range(samples), y_true] -= 1\n", "")],
            "coursera": [("d3 = h - Y", "d3 = h")],
            "coursera_loop": [("delta3 = a3 - yt", "delta3 = a3")],
            "plain_rows": [("(a[L] - y) / n *", "a[L] / n *")],
            "plain_columns": [("(As[L] - y) * As[L]", "As[L] * As[L]")],
        },
    ),
    Mistake(
        "z-for-a", "BP1", "the error is taken of z^L and not of the output a^L",
        "",
        {
            "nielsen": [("self.cost_derivative(activations[-1], y)", "self.cost_derivative(zs[-1], y)")],
            "nielsen_cross_entropy": [("return np.subtract(a, y)", "return np.subtract(z, y)")],
            "planar": [("dZ2 = A2 - Y", "dZ2 = Z2 - Y")],
            "two_layer_net": [("dscores = probs.copy()", "dscores = scores.copy()")],
            "coursera": [("d3 = h - Y", "d3 = z3 - Y")],
            "plain_columns": [("(As[L] - y) * As[L]", "(Zs[-1] - y) * As[L]")],
        },
        same_as=(("forward", "no-output-activation"),),
    ),
    Mistake(
        "cost-for-cost-derivative", "BP1", "the squared error itself is sent back, not its derivative",
        "MatthieuHernandez/StraightforwardNeuralNetwork#18, levithomason/anny#78",
        {
            "nielsen": [("return a - y", "return (a - y) ** 2 / 2")],
            "nielsen_batch": [("error = A - Y", "error = (A - Y) ** 2 / 2")],
            "dense_columns": [("2 * (y_pred - y_true) /", "(y_pred - y_true) ** 2 /")],
            "plain_rows": [("(a[L] - y) / n *", "(a[L] - y) ** 2 / n *")],
            "plain_rows_sum": [("grad = 2 * (prediction - y)", "grad = (prediction - y) ** 2")],
        },
    ),
    Mistake(
        "mean-over-outputs", "BP1", "δ^L is averaged over the output units: one number for all of them",
        "",
        {
            "nielsen": [("return a - y", "return np.mean(a - y)")],
            "plain_rows": [("(a[L] - y) / n *", "np.mean(a[L] - y, axis=1, keepdims=True) / n *")],
            "plain_columns": [("(As[L] - y) * As[L]", "np.mean(As[L] - y, axis=0) * As[L]")],
            "script": [("l2_error = y - l2", "l2_error = np.mean(y - l2, axis=1, keepdims=True)")],
        },
    ),
]  # fmt: skip

# --- BP2: δ^l = ((w^{l+1})ᵀ δ^{l+1}) ⊙ σ'(z^l) ------------------------------------------------------

BP2 = [
    Mistake(
        "no-sigma-prime", "BP2", "σ'(z^l) is missing in the hidden layers",
        "DSE:120115, makeyourownneuralnetwork/makeyourownneuralnetwork#88, "
        "iamtrask/Grokking-Deep-Learning#50, deeplearning4j/nd4j#271",
        {
            "nielsen": [("carried * sigmoid_prime(zs[l])", "carried")],
            "nielsen_batch": [("backward * sigmoid_prime(Zs[l - 1])", "backward")],
            "nielsen_cross_entropy": [("following.T.dot(d) * sigmoid_prime(z)", "following.T.dot(d)")],
            "welch": [("hiddenError * self.sigmoidPrime(self.z2)", "hiddenError")],
            "welch_biases": [("back * (1 - self.h**2)", "back")],
            "planar": [("dA1 * (1 - np.power(A1, 2))", "dA1")],
            "deep": [("    dZ[Z <= 0] = 0\n", "")],
            "two_layer_net": [("        dhidden[pre <= 0] = 0\n", "")],
            "fully_connected": [("return dout * (cache > 0)", "return dout")],
            "dense_columns": [("in reversed(self.layers):", "in [self.layers[-1], *self.layers[-2::-2]]:")],
            "dense_rows": [("            grad = grad * self.out * (1 - self.out)\n", "            grad = grad.copy()\n")],
            "book_layers": [("        self.dinputs[self.inputs <= 0] = 0\n", "")],
            "book_softmax": [("dvalues * self.output * (1 - self.output)", "dvalues")],
            "coursera": [("(d3 @ Theta2[:, 1:]) * sigmoidGradient(z2)", "d3 @ Theta2[:, 1:]")],
            "coursera_loop": [("        delta2 = delta2 * s2 * (1 - s2)\n", "")],
            "plain_rows": [("            delta = delta * dsigmoid(z[l - 1])\n", "")],
            "plain_rows_sum": [("            grad = grad * (1 - hs[i] ** 2)\n", "")],
            "plain_columns": [("deltas[l + 1] * tanh_prime(Zs[l])", "deltas[l + 1]")],
            "plain_descent": [("delta = error * out * (1 - out)", "delta = error * out * (1 - out) if l == len(weights) else error")],
            "plain_dict": [(".T) * slope", ".T)")],
            "script": [("l1_error * nonlin(l1, deriv=True)", "l1_error")],
        },
    ),
    Mistake(
        "sigma-prime-of-a", "BP2", "σ'(a^l) where σ'(z^l) belongs",
        "davidrmiller/neural2d#40, iamtrask/Grokking-Deep-Learning#56, benoitfragit/libBrain#78",
        {
            "nielsen": [("carried * sigmoid_prime(zs[l])", "carried * sigmoid_prime(activations[l + 1])")],
            "nielsen_batch": [("sigmoid_prime(Zs[l - 1])", "sigmoid_prime(As[l])")],
            "nielsen_cross_entropy": [("following.T.dot(d) * sigmoid_prime(z)", "following.T.dot(d) * sigmoid_prime(sigmoid(z))")],
            "welch": [("self.sigmoidPrime(self.z2)", "self.sigmoidPrime(self.a2)")],
            "welch_biases": [("(1 - self.h**2)", "(1 - np.tanh(self.h) ** 2)")],
            "planar": [("(1 - np.power(A1, 2))", "(1 - np.power(np.tanh(A1), 2))")],
            "dense_rows": [
                ("            grad = grad * self.out * (1 - self.out)\n", "            s = 1 / (1 + np.exp(-self.out))\n            grad = grad * s * (1 - s)\n"),
            ],
            "book_softmax": [
                ("        self.dinputs = dvalues * self.output * (1 - self.output)\n", "        s = 1 / (1 + np.exp(-self.output))\n        self.dinputs = dvalues * s * (1 - s)\n"),
            ],
            "coursera": [("sigmoidGradient(z2)", "sigmoidGradient(a2[:, 1:])")],
            "coursera_loop": [("delta2 * s2 * (1 - s2)", "delta2 * sigmoid(s2) * (1 - sigmoid(s2))")],
            "plain_rows": [("dsigmoid(z[l - 1])", "dsigmoid(a[l - 1])")],
            "plain_rows_sum": [("(1 - hs[i] ** 2)", "(1 - np.tanh(hs[i]) ** 2)")],
            "plain_columns": [("tanh_prime(Zs[l])", "tanh_prime(As[l + 1])")],
            "plain_descent": [("        out = outputs[l]\n", "        out = outputs[l]\n        out = sigmoid(out) if l < len(weights) else out\n")],
            "plain_dict": [("slope = 1 - activations[i - 1] ** 2", "slope = 1 - np.tanh(activations[i - 1]) ** 2")],
            "script": [("nonlin(l1, deriv=True)", "nonlin(nonlin(l1), deriv=True)")],
        },
    ),
    Mistake(
        "sigma-prime-of-z-as-a", "BP2", "z(1 - z), or 1 - z²: the form of σ' for a, used on z",
        "BoltzmannEntropy/interviews.ai#15, community.deeplearning.ai 85937",
        {
            "nielsen_cross_entropy": [("return sigmoid(z) * (1.0 - sigmoid(z))", "return z * (1.0 - z)")],
            "welch_biases": [("(1 - self.h**2)", "(1 - self.z1**2)")],
            "planar": [("(1 - np.power(A1, 2))", "(1 - np.power(Z1, 2))")],
            "dense_rows": [("grad * self.out * (1 - self.out)", "grad * self.z * (1 - self.z)")],
            "coursera": [("return g * (1 - g)", "return z * (1 - z)")],
            "coursera_loop": [("delta2 * s2 * (1 - s2)", "delta2 * z2 * (1 - z2)")],
            "plain_columns": [("return 1 - np.tanh(z) ** 2", "return 1 - z**2")],
            "script": [("nonlin(l1, deriv=True)", "nonlin(np.dot(l0, syn0) + bias0, deriv=True)")],
        },
    ),
    Mistake(
        "sigma-for-sigma-prime", "BP2", "σ itself where σ' belongs",
        "yizt/numpy_neural_network#3",
        {
            "nielsen_cross_entropy": [("following.T.dot(d) * sigmoid_prime(z)", "following.T.dot(d) * sigmoid(z)")],
            "welch": [("self.sigmoidPrime(self.z2)", "self.sigmoid(self.z2)")],
            "welch_biases": [("(1 - self.h**2)", "self.h")],
            "planar": [("(1 - np.power(A1, 2))", "A1")],
            "dense_rows": [("grad * self.out * (1 - self.out)", "grad * self.out")],
            "book_softmax": [("dvalues * self.output * (1 - self.output)", "dvalues * self.output")],
            "coursera": [("return g * (1 - g)", "return g")],
            "plain_columns": [("tanh_prime(Zs[l])", "np.tanh(Zs[l])")],
        },
    ),
    Mistake(
        "derivative-of-another-activation", "BP2", "a(1 - a) for tanh or relu, 1 - a² for the sigmoid",
        "jeffheaton/encog-dotnet-core#124, ttezel/nn#8, unda-ml/unda#1",
        {
            "nielsen": [("carried * sigmoid_prime(zs[l])", "carried * (1 - activations[l + 1] ** 2)")],
            "welch_biases": [("(1 - self.h**2)", "self.h * (1 - self.h)")],
            "planar": [("(1 - np.power(A1, 2))", "A1 * (1 - A1)")],
            "two_layer_net": [("dhidden[pre <= 0] = 0", "dhidden *= hidden * (1 - hidden)")],
            "fully_connected": [("dout * (cache > 0)", "dout * cache * (1 - cache)")],
            "coursera_loop": [("delta2 * s2 * (1 - s2)", "delta2 * (1 - s2**2)")],
            "plain_rows_sum": [("(1 - hs[i] ** 2)", "hs[i] * (1 - hs[i])")],
            "plain_columns": [("tanh_prime(Zs[l])", "(As[l + 1] * (1 - As[l + 1]))")],
            "plain_dict": [("slope = 1 - activations[i - 1] ** 2", "slope = activations[i - 1] * (1 - activations[i - 1])")],
        },
    ),
    Mistake(
        "relu-prime-of-gradient", "BP2", "relu' looks at the sign of the gradient and not of z^l",
        "course forums",
        {
            "deep": [("dZ[Z <= 0] = 0", "dZ[dZ <= 0] = 0")],
            "two_layer_net": [("dhidden[pre <= 0] = 0", "dhidden[dhidden <= 0] = 0")],
            "fully_connected": [("dout * (cache > 0)", "dout * (dout > 0)")],
            "book_layers": [("self.dinputs[self.inputs <= 0] = 0", "self.dinputs[self.dinputs <= 0] = 0")],
        },
    ),
    Mistake(
        "relu-mask-inverted", "BP2", "relu' lets through what it should stop",
        "denggaoshan/DeepLearningStudy#1",
        {
            "deep": [("dZ[Z <= 0] = 0", "dZ[Z > 0] = 0")],
            "two_layer_net": [("dhidden[pre <= 0] = 0", "dhidden[pre > 0] = 0")],
            "fully_connected": [("dout * (cache > 0)", "dout * (cache < 0)")],
            "book_layers": [("self.dinputs[self.inputs <= 0] = 0", "self.dinputs[self.inputs >= 0] = 0")],
        },
    ),
    Mistake(
        "relu-prime-as-relu", "BP2", "the gradient is multiplied by relu(z), not by 0 or 1",
        "",
        {
            "deep": [("    dZ[Z <= 0] = 0\n", "    dZ *= relu(Z)\n")],
            "two_layer_net": [("dhidden[pre <= 0] = 0", "dhidden *= hidden")],
            "fully_connected": [("dout * (cache > 0)", "dout * np.maximum(0, cache)")],
            "book_layers": [("self.dinputs[self.inputs <= 0] = 0", "self.dinputs *= self.output")],
        },
        same_as=(("BP2", "sigma-for-sigma-prime"),),
    ),
    Mistake(
        "upstream-dropped", "BP2", "δ^l is σ'(z^l) alone: what came from the layer after is overwritten",
        "haifengl/smile#528, SilasMarvin/dnns-from-scratch-in-zig#5",
        {
            "nielsen": [("delta = carried * sigmoid_prime(zs[l])", "delta = sigmoid_prime(zs[l])")],
            "welch": [("hiddenError * self.sigmoidPrime(self.z2)", "self.sigmoidPrime(self.z2)")],
            "planar": [("dA1 * (1 - np.power(A1, 2))", "1 - np.power(A1, 2)")],
            "deep": [("    dZ[Z <= 0] = 0\n", "    dZ[Z <= 0] = 0\n    dZ[Z > 0] = 1\n")],
            "two_layer_net": [("dhidden[pre <= 0] = 0", "dhidden = np.where(pre <= 0, 0.0, 1.0)")],
            "fully_connected": [("dout * (cache > 0)", "1.0 * (cache > 0)")],
            "book_layers": [("self.dinputs[self.inputs <= 0] = 0", "self.dinputs = np.where(self.inputs <= 0, 0.0, 1.0)")],
            "plain_rows": [("delta = delta * dsigmoid(z[l - 1])", "delta = dsigmoid(z[l - 1])")],
        },
    ),
    Mistake(
        "sigma-prime-of-wrong-layer", "BP2", "σ' is taken of the layer beside",
        "ImagineAILab/ai-by-hand-excel#9, unda-ml/unda#1",
        {
            "nielsen": [("carried * sigmoid_prime(zs[l])", "carried * sigmoid_prime(zs[l + 1])")],
            "nielsen_batch": [("sigmoid_prime(Zs[l - 1])", "sigmoid_prime(Zs[l])")],
            "welch": [("self.sigmoidPrime(self.z2)", "self.sigmoidPrime(self.z3)")],
            "planar": [("(1 - np.power(A1, 2))", "(1 - np.power(A2, 2))")],
            "coursera": [("sigmoidGradient(z2)", "sigmoidGradient(z3)")],
            "coursera_loop": [("delta2 * s2 * (1 - s2)", "delta2 * a3 * (1 - a3)")],
            "plain_rows": [("dsigmoid(z[l - 1])", "dsigmoid(z[l])")],
            "plain_rows_sum": [("(1 - hs[i] ** 2)", "(1 - hs[i - 1] ** 2)")],
            "plain_columns": [("tanh_prime(Zs[l])", "tanh_prime(Zs[l + 1])")],
            "plain_dict": [("slope = 1 - activations[i - 1] ** 2", "slope = 1 - activations[i] ** 2")],
            "script": [("nonlin(l1, deriv=True)", "nonlin(l2, deriv=True)")],
        },
        {**EVERYWHERE_SQUARE, "nielsen": "square"},
    ),
    Mistake(
        "weights-not-transposed", "BP2", "W where Wᵀ belongs, unseen while layers have one width",
        "makeyourownneuralnetwork/makeyourownneuralnetwork#77",
        {
            "nielsen": [("np.dot(self.weights[l + 1].T, delta)", "np.dot(self.weights[l + 1], delta)")],
            "nielsen_batch": [("self.weights[l].T @ deltas[0]", "self.weights[l] @ deltas[0]")],
            "nielsen_cross_entropy": [("following.T.dot(d)", "following.dot(d)")],
            "welch": [("np.dot(delta3, self.W2.T)", "np.dot(delta3, self.W2)")],
            "welch_biases": [("delta_out @ self.W2.T", "delta_out @ self.W2")],
            "planar": [("np.dot(W2.T, dZ2)", "np.dot(W2, dZ2)")],
            "deep": [("np.dot(W.T, dZ)", "np.dot(W, dZ)")],
            "two_layer_net": [("dscores.dot(W2.T)", "dscores.dot(W2)")],
            "fully_connected": [("dout.dot(w.T)", "dout.dot(w)")],
            "dense_columns": [("np.dot(self.weights.T, output_gradient)", "np.dot(self.weights, output_gradient)")],
            "dense_rows": [("grad @ self.W.T", "grad @ self.W")],
            "book_layers": [("np.dot(dvalues, self.weights.T)", "np.dot(dvalues, self.weights)")],
            "book_softmax": [("dvalues @ self.weights.T", "dvalues @ self.weights")],
            "coursera": [("d3 @ Theta2[:, 1:]", "d3 @ Theta2[:, 1:].T")],
            "coursera_loop": [("Theta2[:, 1:].T @ delta3", "Theta2[:, 1:] @ delta3")],
            "plain_rows": [("delta @ weights[l - 1].T", "delta @ weights[l - 1]")],
            "plain_rows_sum": [("grad @ weights[i].T", "grad @ weights[i]")],
            "plain_columns": [("weights[l + 1].T @ deltas[l + 1]", "weights[l + 1] @ deltas[l + 1]")],
            "plain_descent": [("weights[l - 1].T.dot(delta)", "weights[l - 1].dot(delta)")],
            "plain_dict": [("delta @ weights[i - 1].T", "delta @ weights[i - 1]")],
            "script": [("l2_delta.dot(syn1.T)", "l2_delta.dot(syn1)")],
        },
        EVERYWHERE_SQUARE,
    ),
    Mistake(
        "weights-of-wrong-layer", "BP2", "W^l where W^{l+1} belongs",
        "community.deeplearning.ai 402919",
        {
            "nielsen": [("np.dot(self.weights[l + 1].T, delta)", "np.dot(self.weights[l].T, delta)")],
            "nielsen_batch": [("self.weights[l].T @ deltas[0]", "self.weights[l - 1].T @ deltas[0]")],
            "nielsen_cross_entropy": [("following.T.dot(d)", "w.T.dot(d)")],
            "welch": [("np.dot(delta3, self.W2.T)", "np.dot(delta3, self.W1.T)")],
            "welch_biases": [("delta_out @ self.W2.T", "delta_out @ self.W1.T")],
            "planar": [("np.dot(W2.T, dZ2)", "np.dot(W1.T, dZ2)")],
            "two_layer_net": [("dscores.dot(W2.T)", "dscores.dot(W1.T)")],
            "coursera": [("d3 @ Theta2[:, 1:]", "d3 @ Theta1[:, 1:]")],
            "coursera_loop": [("Theta2[:, 1:].T @ delta3", "Theta1[:, 1:].T @ delta3")],
            "plain_rows": [("delta @ weights[l - 1].T", "delta @ weights[l - 2].T")],
            "plain_rows_sum": [("grad @ weights[i].T", "grad @ weights[i - 1].T")],
            "plain_columns": [("weights[l + 1].T @ deltas[l + 1]", "weights[l].T @ deltas[l + 1]")],
            "plain_descent": [("weights[l - 1].T.dot(delta)", "weights[l - 2].T.dot(delta)")],
            "plain_dict": [("delta @ weights[i - 1].T", "delta @ weights[i - 2].T")],
            "script": [("l2_delta.dot(syn1.T)", "l2_delta.dot(syn0.T)")],
        },
        EVERYWHERE_SQUARE,
    ),
    Mistake(
        "gradient-for-weights", "BP2", "∂C/∂W^{l+1} where W^{l+1} belongs",
        "community.deeplearning.ai 402919, jcjohnson/pytorch-examples#5, #28",
        {
            "nielsen": [("np.dot(self.weights[l + 1].T, delta)", "np.dot(nabla_w[l + 1].T, delta)")],
            "welch": [("np.dot(delta3, self.W2.T)", "np.dot(delta3, dJdW2.T)")],
            "welch_biases": [("delta_out @ self.W2.T", "delta_out @ dW2.T")],
            "planar": [("np.dot(W2.T, dZ2)", "np.dot(dW2.T, dZ2)")],
            "deep": [("np.dot(W.T, dZ)", "np.dot(dW.T, dZ)")],
            "two_layer_net": [("dscores.dot(W2.T)", 'dscores.dot(grads["W2"].T)')],
            "fully_connected": [("dout.dot(w.T)", "dout.dot(x.T.dot(dout).T)")],
            "dense_columns": [("np.dot(self.weights.T, output_gradient)", "np.dot(weights_gradient.T, output_gradient)")],
            "book_layers": [("np.dot(dvalues, self.weights.T)", "np.dot(dvalues, self.dweights.T)")],
            "book_softmax": [("dvalues @ self.weights.T", "dvalues @ self.dweights.T")],
            "plain_rows": [("delta @ weights[l - 1].T", "delta @ dW[l - 1].T")],
            "plain_rows_sum": [("grad @ weights[i].T", "grad @ grads_W[-1].T")],
            "plain_descent": [("weights[l - 1].T.dot(delta)", "steps_w[0].T.dot(delta)")],
            "plain_dict": [("delta @ weights[i - 1].T", 'delta @ grads["dW" + str(i)].T')],
        },
    ),
    Mistake(
        "weights-already-updated", "BP2", "the weights were updated before BP2 read them",
        "VikParuchuri/zero_to_gpt#12, joelgrus/data-science-from-scratch#31, kim-marcel/basic_neural_network#7, "
        "CodingTrain/Toy-Neural-Network-JS#72, LxMLS/lxmls-guide#115",
        {
            "nielsen": [
                ("            nabla_w[l] = np.dot(delta, activations[l].T)\n", "            nabla_w[l] = np.dot(delta, activations[l].T)\n            self.weights[l] = self.weights[l] - 0.5 * nabla_w[l]\n"),
            ],
            "welch": [("        hiddenError =", "        self.W2 = self.W2 - 0.5 * dJdW2\n        hiddenError =")],
            "planar": [("    dA1 = np.dot", "    W2 = W2 - 1.2 * dW2\n    dA1 = np.dot")],
            "dense_columns": [
                ("        input_gradient = np.dot(self.weights.T, output_gradient)\n", ""),
                ("        return input_gradient\n", "        return np.dot(self.weights.T, output_gradient)\n"),
            ],
            "dense_rows": [
                ("        grad_input = grad @ self.W.T\n", ""),
                ("        return grad_input\n", "        return grad @ self.W.T\n"),
            ],
            "plain_rows": [("            delta = delta @ weights", "            weights[l - 1] = weights[l - 1] - 0.5 * dW[l - 1]\n            delta = delta @ weights")],
            "plain_descent": [("        error = weights[l - 1]", "        weights[l - 1] = weights[l - 1] + 0.5 * steps_w[0]\n        error = weights[l - 1]")],
            "script": [
                ("    syn1 += alpha * l1.T.dot(l2_delta)\n", ""),
                ("    l1_error = ", "    syn1 += alpha * l1.T.dot(l2_delta)\n    l1_error = "),
            ],
        },
    ),
    Mistake(
        "elementwise-for-matrix-product", "BP2", "* where the matrix product Wᵀδ belongs",
        "community.deeplearning.ai 723602, 111582",
        {
            "nielsen_batch": [("self.weights[l].T @ deltas[0]", "self.weights[l].T * deltas[0]")],
            "welch": [("np.dot(delta3, self.W2.T)", "delta3 * self.W2.T")],
            "welch_biases": [("delta_out @ self.W2.T", "delta_out * self.W2.T")],
            "planar": [("np.dot(W2.T, dZ2)", "np.multiply(W2.T, dZ2)")],
            "deep": [("np.dot(W.T, dZ)", "W.T * dZ")],
            "two_layer_net": [("dscores.dot(W2.T)", "dscores * W2.T")],
            "fully_connected": [("dout.dot(w.T)", "dout * w.T")],
            "dense_rows": [("grad @ self.W.T", "grad * self.W.T")],
            "book_layers": [("np.dot(dvalues, self.weights.T)", "dvalues * self.weights.T")],
            "book_softmax": [("dvalues @ self.weights.T", "dvalues * self.weights.T")],
            "coursera": [("d3 @ Theta2[:, 1:]", "d3 * Theta2[:, 1:]")],
            "plain_rows": [("delta @ weights[l - 1].T", "delta * weights[l - 1].T")],
            "plain_columns": [("weights[l + 1].T @ deltas[l + 1]", "weights[l + 1].T * deltas[l + 1]")],
            "script": [("l2_delta.dot(syn1.T)", "l2_delta * syn1.T")],
        },
        {"*": "square batch"},
    ),
    Mistake(
        "matrix-product-for-elementwise", "BP2", "a matrix product where ⊙ σ'(z^l) belongs",
        "community.deeplearning.ai 110003",
        {
            "nielsen_batch": [("backward * sigmoid_prime(Zs[l - 1])", "backward @ sigmoid_prime(Zs[l - 1])")],
            "welch": [("hiddenError * self.sigmoidPrime(self.z2)", "np.dot(hiddenError, self.sigmoidPrime(self.z2))")],
            "welch_biases": [("back * (1 - self.h**2)", "back @ (1 - self.h**2)")],
            "planar": [("dA1 * (1 - np.power(A1, 2))", "np.dot(dA1, 1 - np.power(A1, 2))")],
            "coursera": [("(d3 @ Theta2[:, 1:]) * sigmoidGradient(z2)", "(d3 @ Theta2[:, 1:]) @ sigmoidGradient(z2)")],
            "plain_rows": [("delta * dsigmoid(z[l - 1])", "delta @ dsigmoid(z[l - 1])")],
            "plain_columns": [("deltas[l + 1] * tanh_prime(Zs[l])", "deltas[l + 1] @ tanh_prime(Zs[l])")],
            "script": [("l1_error * nonlin(l1, deriv=True)", "l1_error.dot(nonlin(l1, deriv=True))")],
        },
        {"*": "square batch"},
    ),
    Mistake(
        "one-over-n-again", "BP2", "1/n is put in once more at every layer",
        "community.deeplearning.ai 63071",
        {
            "nielsen_batch": [("self.weights[l].T @ deltas[0]", "self.weights[l].T @ deltas[0] / X.shape[1]")],
            "welch_biases": [("delta_out @ self.W2.T", "delta_out @ self.W2.T / n")],
            "planar": [("dA1 = np.dot(W2.T, dZ2)", "dA1 = (1 / m) * np.dot(W2.T, dZ2)")],
            "deep": [("np.dot(W.T, dZ)", "np.dot(W.T, dZ) / m")],
            "two_layer_net": [("dscores.dot(W2.T)", "dscores.dot(W2.T) / N")],
            "fully_connected": [("dout.dot(w.T)", "dout.dot(w.T) / len(x)")],
            "dense_rows": [("grad @ self.W.T", "grad @ self.W.T / len(grad)")],
            "book_layers": [("np.dot(dvalues, self.weights.T)", "np.dot(dvalues, self.weights.T) / len(dvalues)")],
            "book_softmax": [("dvalues @ self.weights.T", "dvalues @ self.weights.T / len(dvalues)")],
            "coursera": [("(d3 @ Theta2[:, 1:]) *", "(d3 @ Theta2[:, 1:]) / m *")],
            "coursera_loop": [("Theta2[:, 1:].T @ delta3", "Theta2[:, 1:].T @ delta3 / m")],
            "plain_rows": [("delta @ weights[l - 1].T", "delta @ weights[l - 1].T / n")],
            "plain_columns": [("weights[l + 1].T @ deltas[l + 1]", "weights[l + 1].T @ deltas[l + 1] / m")],
            "plain_dict": [("(delta @ weights[i - 1].T)", "(delta @ weights[i - 1].T / len(y))")],
        },
    ),
    Mistake(
        "delta-not-carried", "BP2", "δ^{l+1} is used as it is, not multiplied by the weights",
        "",
        {
            "nielsen": [("carried = np.dot(self.weights[l + 1].T, delta)", "carried = delta")],
            "nielsen_batch": [("backward = self.weights[l].T @ deltas[0]", "backward = deltas[0]")],
            "welch": [("hiddenError = np.dot(delta3, self.W2.T)", "hiddenError = delta3")],
            "planar": [("dA1 = np.dot(W2.T, dZ2)", "dA1 = dZ2")],
            "deep": [("dA_prev = np.dot(W.T, dZ)", "dA_prev = dZ")],
            "two_layer_net": [("dhidden = dscores.dot(W2.T)", "dhidden = dscores.copy()")],
            "book_layers": [("self.dinputs = np.dot(dvalues, self.weights.T)", "self.dinputs = dvalues")],
            "plain_rows": [("            delta = delta @ weights[l - 1].T\n", "")],
            "plain_columns": [("weights[l + 1].T @ deltas[l + 1] *", "deltas[l + 1] *")],
            "plain_descent": [("error = weights[l - 1].T.dot(delta)", "error = delta")],
            "script": [("l1_error = l2_delta.dot(syn1.T)", "l1_error = l2_delta")],
        },
        EVERYWHERE_SQUARE,
    ),
    Mistake(
        "error-for-delta", "BP2", "the error a - y goes back, without the σ' of the layer that it comes from",
        "makeyourownneuralnetwork/makeyourownneuralnetwork#88, kim-marcel/basic_neural_network#7",
        {
            "nielsen_batch": [("self.weights[l].T @ deltas[0]", "self.weights[l].T @ (error if len(deltas) == 1 else deltas[0])")],
            "welch": [("np.dot(delta3, self.W2.T)", "np.dot(outputError, self.W2.T)")],
            "plain_descent": [("weights[l - 1].T.dot(delta)", "weights[l - 1].T.dot(error)")],
            "script": [("l2_delta.dot(syn1.T)", "l2_error.dot(syn1.T)")],
        },
    ),
    Mistake(
        "bias-column-kept", "BP2", "the bias unit is kept in δ, so the sizes clash",
        "AvaisP/machine-learning-programming-assignments-coursera-andrew-ng#1",
        {
            "coursera": [("d3 @ Theta2[:, 1:]", "d3 @ Theta2")],
            "coursera_loop": [("Theta2[:, 1:].T @ delta3", "Theta2.T @ delta3")],
        },
        {"*": "raises"},
    ),
    Mistake(
        "bias-column-wrong", "BP2", "the last column of Theta is dropped and not the bias column",
        "",
        {
            "coursera": [("d3 @ Theta2[:, 1:]", "d3 @ Theta2[:, :-1]")],
            "coursera_loop": [("Theta2[:, 1:].T @ delta3", "Theta2[:, :-1].T @ delta3")],
        },
    ),
    Mistake(
        "loop-stops-early", "BP2", "the loop over the layers ends before the first: its gradient stays 0",
        "scikit-learn/scikit-learn#8987",
        {"nielsen": [("range(last, -1, -1)", "range(last, 0, -1)")]},
    ),
]  # fmt: skip

# --- BP3: ∂C/∂b^l = Σ δ^l ---------------------------------------------------------------------------

BP3 = [
    Mistake(
        "one-per-example", "BP3", "δ is not summed over the batch: a bias gradient for each example",
        "community.deeplearning.ai 536725, 2846, DSE:20139, mlpack/mlpack#3679",
        {
            "nielsen_batch": [("D.sum(axis=1, keepdims=True)", "D")],
            "welch_biases": [("db2 = np.sum(delta_out, axis=0)", "db2 = delta_out"), ("db1 = np.sum(delta_hidden, axis=0)", "db1 = delta_hidden")],
            "planar": [("np.sum(dZ2, axis=1, keepdims=True)", "dZ2"), ("np.sum(dZ1, axis=1, keepdims=True)", "dZ1")],
            "deep": [("np.sum(dZ, axis=1, keepdims=True) / m", "dZ / m")],
            "two_layer_net": [("dscores.sum(axis=0)", "dscores"), ("dhidden.sum(axis=0)", "dhidden")],
            "fully_connected": [("db = dout.sum(axis=0)", "db = dout")],
            "book_layers": [("np.sum(dvalues, axis=0, keepdims=True)", "dvalues")],
            "book_softmax": [("self.dbiases = dvalues.sum(axis=0)", "self.dbiases = dvalues")],
            "plain_rows": [("delta.sum(axis=0)", "delta")],
            "plain_rows_sum": [("np.sum(grad, axis=0)", "grad")],
            "plain_columns": [("deltas[l].sum(axis=1, keepdims=True) / m", "deltas[l] / m")],
            "plain_descent": [("np.sum(delta, axis=1, keepdims=True)", "delta")],
            "plain_dict": [("np.sum(delta, axis=0)", "delta")],
        },
    ),
    Mistake(
        "not-summed", "BP3", "only the first or the last example of the batch counts",
        "mlpack/mlpack#3679, community.deeplearning.ai 2846",
        {
            "nielsen_batch": [("D.sum(axis=1, keepdims=True)", "D[:, :1]")],
            "welch_biases": [("np.sum(delta_out, axis=0)", "delta_out[-1]"), ("np.sum(delta_hidden, axis=0)", "delta_hidden[-1]")],
            "planar": [("np.sum(dZ2, axis=1, keepdims=True)", "dZ2[:, :1]"), ("np.sum(dZ1, axis=1, keepdims=True)", "dZ1[:, :1]")],
            "deep": [("np.sum(dZ, axis=1, keepdims=True) / m", "dZ[:, [-1]] / m")],
            "two_layer_net": [("dscores.sum(axis=0)", "dscores[0]"), ("dhidden.sum(axis=0)", "dhidden[0]")],
            "fully_connected": [("db = dout.sum(axis=0)", "db = dout[0]")],
            "dense_rows": [("grad.sum(axis=0, keepdims=True)", "grad[:1]")],
            "book_layers": [("np.sum(dvalues, axis=0, keepdims=True)", "dvalues[:1]")],
            "plain_rows": [("delta.sum(axis=0)", "delta[0]")],
            "plain_columns": [("deltas[l].sum(axis=1, keepdims=True)", "deltas[l][:, [0]]")],
            "script": [("np.sum(l2_delta, axis=0)", "l2_delta[0]"), ("np.sum(l1_delta, axis=0)", "l1_delta[0]")],
        },
    ),
    Mistake(
        "mean-for-sum", "BP3", "the mean of δ over the batch where its sum belongs",
        "kvfrans/notes#5, deeplearning4j/deeplearning4j#364, #366",
        {
            "nielsen_batch": [("D.sum(axis=1, keepdims=True)", "D.mean(axis=1, keepdims=True)")],
            "welch_biases": [("np.sum(delta_out, axis=0)", "np.mean(delta_out, axis=0)"), ("np.sum(delta_hidden, axis=0)", "np.mean(delta_hidden, axis=0)")],
            "planar": [("np.sum(dZ2, axis=1, keepdims=True)", "np.mean(dZ2, axis=1, keepdims=True)"), ("np.sum(dZ1, axis=1, keepdims=True)", "np.mean(dZ1, axis=1, keepdims=True)")],
            "deep": [("np.sum(dZ, axis=1, keepdims=True) / m", "np.mean(dZ, axis=1, keepdims=True) / m")],
            "two_layer_net": [("dscores.sum(axis=0)", "dscores.mean(axis=0)"), ("dhidden.sum(axis=0)", "dhidden.mean(axis=0)")],
            "fully_connected": [("db = dout.sum(axis=0)", "db = dout.mean(axis=0)")],
            "dense_rows": [("grad.sum(axis=0, keepdims=True)", "grad.mean(axis=0, keepdims=True)")],
            "book_layers": [("np.sum(dvalues, axis=0, keepdims=True)", "np.mean(dvalues, axis=0, keepdims=True)")],
            "book_softmax": [("self.dbiases = dvalues.sum(axis=0)", "self.dbiases = dvalues.mean(axis=0)")],
            "plain_rows": [("delta.sum(axis=0)", "delta.mean(axis=0)")],
            "plain_rows_sum": [("np.sum(grad, axis=0)", "np.mean(grad, axis=0)")],
            "plain_columns": [("deltas[l].sum(axis=1, keepdims=True)", "deltas[l].mean(axis=1, keepdims=True)")],
            "plain_descent": [("np.sum(delta, axis=1, keepdims=True)", "np.mean(delta, axis=1, keepdims=True)")],
            "plain_dict": [("np.sum(delta, axis=0)", "np.mean(delta, axis=0)")],
            "script": [("np.sum(l2_delta, axis=0)", "np.mean(l2_delta, axis=0)"), ("np.sum(l1_delta, axis=0)", "np.mean(l1_delta, axis=0)")],
        },
        same_as=(("BP4", "one-over-n-missing"),),
    ),
    Mistake(
        "one-over-n-missing", "BP3", "1/n stands in ∂C/∂W but not in ∂C/∂b",
        "",
        {
            "planar": [("db2 = (1 / m) *", "db2 ="), ("db1 = (1 / m) *", "db1 =")],
            "deep": [("np.sum(dZ, axis=1, keepdims=True) / m", "np.sum(dZ, axis=1, keepdims=True)")],
            "plain_columns": [("deltas[l].sum(axis=1, keepdims=True) / m", "deltas[l].sum(axis=1, keepdims=True)")],
        },
        same_as=(("BP4", "one-over-n-double"), ("BP4", "mean-for-sum")),
    ),
    Mistake(
        "wrong-axis", "BP3", "δ is summed over the units and not over the batch",
        "deeplearning4j/deeplearning4j#364",
        {
            "nielsen_batch": [("D.sum(axis=1, keepdims=True)", "D.sum(axis=0, keepdims=True)")],
            "welch_biases": [("np.sum(delta_out, axis=0)", "np.sum(delta_out, axis=1)"), ("np.sum(delta_hidden, axis=0)", "np.sum(delta_hidden, axis=1)")],
            "planar": [("np.sum(dZ2, axis=1, keepdims=True)", "np.sum(dZ2, axis=0, keepdims=True)"), ("np.sum(dZ1, axis=1, keepdims=True)", "np.sum(dZ1, axis=0, keepdims=True)")],
            "deep": [("np.sum(dZ, axis=1, keepdims=True)", "np.sum(dZ, axis=0, keepdims=True)")],
            "two_layer_net": [("dscores.sum(axis=0)", "dscores.sum(axis=1)"), ("dhidden.sum(axis=0)", "dhidden.sum(axis=1)")],
            "fully_connected": [("db = dout.sum(axis=0)", "db = dout.sum(axis=1)")],
            "dense_rows": [("grad.sum(axis=0, keepdims=True)", "grad.sum(axis=1, keepdims=True).T")],
            "book_layers": [("np.sum(dvalues, axis=0, keepdims=True)", "np.sum(dvalues, axis=1, keepdims=True)")],
            "book_softmax": [("self.dbiases = dvalues.sum(axis=0)", "self.dbiases = dvalues.sum(axis=1)")],
            "plain_rows": [("delta.sum(axis=0)", "delta.sum(axis=1)")],
            "plain_rows_sum": [("np.sum(grad, axis=0)", "np.sum(grad, axis=1)")],
            "plain_columns": [("deltas[l].sum(axis=1, keepdims=True)", "deltas[l].sum(axis=0, keepdims=True)")],
            "plain_descent": [("np.sum(delta, axis=1, keepdims=True)", "np.sum(delta, axis=0, keepdims=True)")],
            "plain_dict": [("np.sum(delta, axis=0)", "np.sum(delta, axis=1)")],
            "script": [("np.sum(l2_delta, axis=0)", "np.sum(l2_delta, axis=1)"), ("np.sum(l1_delta, axis=0)", "np.sum(l1_delta, axis=1)")],
        },
        {"dense_rows": "square batch", "script": "square batch"},
    ),
    Mistake(
        "summed-over-everything", "BP3", "no axis: one number for all biases of the layer",
        "rasbt/stat453-deep-learning-ss21#5",
        {
            "nielsen": [("nabla_b[l] = delta", "nabla_b[l] = np.sum(delta) * np.ones_like(delta)")],
            "nielsen_batch": [("D.sum(axis=1, keepdims=True)", "D.sum()")],
            "welch_biases": [("np.sum(delta_out, axis=0)", "np.sum(delta_out)"), ("np.sum(delta_hidden, axis=0)", "np.sum(delta_hidden)")],
            "planar": [("np.sum(dZ2, axis=1, keepdims=True)", "np.sum(dZ2)"), ("np.sum(dZ1, axis=1, keepdims=True)", "np.sum(dZ1)")],
            "deep": [("np.sum(dZ, axis=1, keepdims=True)", "np.sum(dZ)")],
            "fully_connected": [("db = dout.sum(axis=0)", "db = dout.sum()")],
            "dense_rows": [("grad.sum(axis=0, keepdims=True)", "grad.sum()")],
            "book_layers": [("np.sum(dvalues, axis=0, keepdims=True)", "np.sum(dvalues)")],
            "plain_rows": [("delta.sum(axis=0)", "delta.sum()")],
            "script": [("np.sum(l2_delta, axis=0)", "np.sum(l2_delta)"), ("np.sum(l1_delta, axis=0)", "np.sum(l1_delta)")],
        },
    ),
    Mistake(
        "sum-of-weight-gradient", "BP3", "∂C/∂W is summed over the inputs where δ should be summed over the batch",
        "rust0258/Deeplearning.ai-Natural-Language-Processing-Specialization#62, #64",
        {
            "nielsen_batch": [("nabla_b.append(D.sum(axis=1, keepdims=True))", "nabla_b.append(np.dot(D, As[l].T).sum(axis=1, keepdims=True))")],
            "planar": [("np.sum(dZ2, axis=1, keepdims=True)", "np.sum(np.dot(dZ2, A1.T), axis=1, keepdims=True)"), ("np.sum(dZ1, axis=1, keepdims=True)", "np.sum(np.dot(dZ1, X.T), axis=1, keepdims=True)")],
            "deep": [("np.sum(dZ, axis=1, keepdims=True) / m", "np.sum(dW, axis=1, keepdims=True)")],
            "welch_biases": [("np.sum(delta_out, axis=0)", "np.sum(dW2, axis=0)"), ("np.sum(delta_hidden, axis=0)", "np.sum(dW1, axis=0)")],
            "fully_connected": [("db = dout.sum(axis=0)", "db = dw.sum(axis=0)")],
            "book_layers": [("np.sum(dvalues, axis=0, keepdims=True)", "np.sum(self.dweights, axis=0, keepdims=True)")],
            "plain_rows": [("delta.sum(axis=0)", "dW[l - 1].sum(axis=0)")],
        },
    ),
    Mistake(
        "of-wrong-layer", "BP3", "the biases of a layer get the δ of the layer after",
        "",
        {
            "welch_biases": [("np.sum(delta_hidden, axis=0)", "np.sum(delta_out, axis=0)")],
            "planar": [("np.sum(dZ1, axis=1, keepdims=True)", "np.sum(dZ2, axis=1, keepdims=True)")],
            "two_layer_net": [("dhidden.sum(axis=0)", "dscores.sum(axis=0)")],
            "plain_columns": [("[deltas[l].sum(axis=1, keepdims=True) / m", "[deltas[min(l + 1, L - 1)].sum(axis=1, keepdims=True) / m")],
            "script": [("np.sum(l1_delta, axis=0)", "np.sum(l2_delta, axis=0)")],
        },
        {"script": "square"},
    ),
    Mistake(
        "error-for-delta", "BP3", "the biases get the error before σ' was multiplied in",
        "",
        {
            "welch_biases": [("np.sum(delta_hidden, axis=0)", "np.sum(back, axis=0)")],
            "planar": [("np.sum(dZ1, axis=1, keepdims=True)", "np.sum(dA1, axis=1, keepdims=True)")],
            "plain_descent": [("np.sum(delta, axis=1, keepdims=True)", "np.sum(error, axis=1, keepdims=True)")],
            "script": [("np.sum(l2_delta, axis=0)", "np.sum(l2_error, axis=0)"), ("np.sum(l1_delta, axis=0)", "np.sum(l1_error, axis=0)")],
        },
    ),
    Mistake(
        "zero", "BP3", "the bias gradient stays 0: the biases never learn",
        "nntrainer/nntrainer#219",
        {
            "nielsen": [("            nabla_b[l] = delta\n", "")],
            "nielsen_cross_entropy": [("nabla_b.insert(0, d)", "nabla_b.insert(0, np.zeros(d.shape))")],
            "deep": [("db = np.sum(dZ, axis=1, keepdims=True) / m", "db = np.zeros(b.shape)")],
            "fully_connected": [("db = dout.sum(axis=0)", "db = np.zeros_like(b)")],
            "dense_columns": [("        self.bias = self.bias - learning_rate * bias_gradient\n", "")],
            "dense_rows": [("        self.b -= lr * db\n", "")],
            "book_layers": [("np.sum(dvalues, axis=0, keepdims=True)", "np.zeros_like(self.biases)")],
            "script": [("    bias1 += alpha * np.sum(l2_delta, axis=0)\n", ""), ("    bias0 += alpha * np.sum(l1_delta, axis=0)\n", "")],
        },
    ),
    Mistake(
        "sign", "BP3", "the biases are moved the other way",
        "",
        {
            "nielsen": [("nabla_b[l] = delta", "nabla_b[l] = -delta")],
            "dense_columns": [("self.bias - learning_rate", "self.bias + learning_rate")],
            "dense_rows": [("self.b -= lr * db", "self.b += lr * db")],
            "script": [("bias1 += alpha", "bias1 -= alpha"), ("bias0 += alpha", "bias0 -= alpha")],
        },
    ),
    Mistake(
        "times-bias", "BP3", "δ is multiplied by the bias itself, as if it were an input",
        "",
        {
            "nielsen": [("nabla_b[l] = delta", "nabla_b[l] = delta * self.biases[l]")],
            "dense_columns": [("bias_gradient = output_gradient", "bias_gradient = output_gradient * self.bias")],
            "fully_connected": [("db = dout.sum(axis=0)", "db = (dout * b).sum(axis=0)")],
            "deep": [("db = np.sum(dZ, axis=1, keepdims=True) / m", "db = np.sum(dZ * b, axis=1, keepdims=True) / m")],
            "plain_rows": [("delta.sum(axis=0)", "delta.sum(axis=0) * biases[l - 1]")],
        },
    ),
    Mistake(
        "l2-extra", "BP3", "a penalty of the biases that the cost does not have",
        "JWarmenhoven/Coursera-Machine-Learning#3, Burton2000/CS231n-2017#9, "
        "trekhleb/homemade-machine-learning#63",
        {
            "nielsen": [("nabla_b[l] = delta", "nabla_b[l] = delta + 0.1 * self.biases[l]")],
            "welch_biases": [("np.sum(delta_out, axis=0)", "np.sum(delta_out, axis=0) + 0.1 * self.b2"), ("np.sum(delta_hidden, axis=0)", "np.sum(delta_hidden, axis=0) + 0.1 * self.b1")],
            "deep": [("np.sum(dZ, axis=1, keepdims=True) / m", "(np.sum(dZ, axis=1, keepdims=True) + 0.7 * b) / m")],
            "fully_connected": [("db = dout.sum(axis=0)", "db = dout.sum(axis=0) + 0.1 * b")],
            "coursera": [("Theta1_grad[:, 1:] += lambda_ / m * Theta1[:, 1:]", "Theta1_grad[:, 0] += 1 / m * Theta1[:, 0]"), ("Theta2_grad[:, 1:] += lambda_ / m * Theta2[:, 1:]", "Theta2_grad[:, 0] += 1 / m * Theta2[:, 0]")],
            "book_layers": [("np.sum(dvalues, axis=0, keepdims=True)", "np.sum(dvalues, axis=0, keepdims=True) + 0.1 * self.biases")],
        },
    ),
]  # fmt: skip

# --- BP4: ∂C/∂w^l = δ^l (a^{l-1})ᵀ ------------------------------------------------------------------

BP4 = [
    Mistake(
        "transposed", "BP4", "∂C/∂w^l is transposed, unseen while layers have one width",
        "iamtrask/Grokking-Deep-Learning#22, #23, #71",
        {
            "nielsen": [("np.dot(delta, activations[l].T)", "np.dot(activations[l], delta.T)")],
            "nielsen_batch": [("D @ As[l].T", "As[l] @ D.T")],
            "nielsen_cross_entropy": [("d.dot(a_in.T)", "a_in.dot(d.T)")],
            "welch": [("np.dot(self.a2.T, delta3)", "np.dot(delta3.T, self.a2)"), ("np.dot(X.T, delta2)", "np.dot(delta2.T, X)")],
            "welch_biases": [("self.h.T @ delta_out", "delta_out.T @ self.h"), ("X.T @ delta_hidden", "delta_hidden.T @ X")],
            "planar": [("np.dot(dZ2, A1.T)", "np.dot(A1, dZ2.T)"), ("np.dot(dZ1, X.T)", "np.dot(X, dZ1.T)")],
            "deep": [("np.dot(dZ, A_prev.T)", "np.dot(A_prev, dZ.T)")],
            "fully_connected": [("x.T.dot(dout)", "dout.T.dot(x)")],
            "dense_columns": [("np.dot(output_gradient, self.input.T)", "np.dot(self.input, output_gradient.T)")],
            "dense_rows": [("self.x.T @ grad", "grad.T @ self.x")],
            "book_layers": [("np.dot(self.inputs.T, dvalues)", "np.dot(dvalues.T, self.inputs)")],
            "book_softmax": [("self.inputs.T @ dvalues", "dvalues.T @ self.inputs")],
            "plain_rows": [("a[l - 1].T @ delta", "delta.T @ a[l - 1]")],
            "plain_rows_sum": [("hs[i].T @ grad", "grad.T @ hs[i]")],
            "plain_columns": [("deltas[l] @ As[l].T", "As[l] @ deltas[l].T")],
            "plain_descent": [("delta.dot(outputs[l - 1].T)", "outputs[l - 1].dot(delta.T)")],
            "plain_dict": [("activations[i - 1].T @ delta", "delta.T @ activations[i - 1]")],
            "script": [("l1.T.dot(l2_delta)", "l2_delta.T.dot(l1)"), ("l0.T.dot(l1_delta)", "l1_delta.T.dot(l0)")],
        },
        {"dense_columns": "square", "dense_rows": "square", "script": "square"},
    ),
    Mistake(
        "z-for-a", "BP4", "z^{l-1} where a^{l-1} belongs",
        "maziarraissi/backprop#1",
        {
            "nielsen": [("np.dot(delta, activations[l].T)", "np.dot(delta, (zs[l - 1] if l > 0 else x).T)")],
            "nielsen_batch": [("D @ As[l].T", "D @ (Zs[l - 1] if l > 0 else X).T")],
            "welch": [("np.dot(self.a2.T, delta3)", "np.dot(self.z2.T, delta3)")],
            "welch_biases": [("self.h.T @ delta_out", "self.z1.T @ delta_out")],
            "planar": [("np.dot(dZ2, A1.T)", "np.dot(dZ2, Z1.T)")],
            "two_layer_net": [("hidden.T.dot(dscores)", "pre.T.dot(dscores)")],
            "coursera": [("d3.T @ a2 / m", "d3.T @ np.hstack([np.ones((m, 1)), z2]) / m")],
            "coursera_loop": [("np.outer(delta3, a2)", "np.outer(delta3, np.concatenate([[1.0], z2]))")],
            "plain_rows": [("a[l - 1].T @ delta", "(z[l - 1] if l > 1 else x).T @ delta")],
            "plain_columns": [("deltas[l] @ As[l].T", "deltas[l] @ (Zs[l - 1] if l > 0 else x).T")],
            "script": [("l1.T.dot(l2_delta)", "(np.dot(l0, syn0) + bias0).T.dot(l2_delta)")],
        },
    ),
    Mistake(
        "a-of-this-layer", "BP4", "a^l where a^{l-1} belongs",
        "Data Science Stack Exchange: why can my neural network be predicting the contrary",
        {
            "nielsen": [("np.dot(delta, activations[l].T)", "np.dot(delta, activations[l + 1].T)")],
            "nielsen_batch": [("D @ As[l].T", "D @ As[l + 1].T")],
            "welch": [("np.dot(self.a2.T, delta3)", "np.dot(self.yHat.T, delta3)"), ("np.dot(X.T, delta2)", "np.dot(self.a2.T, delta2)")],
            "planar": [("np.dot(dZ2, A1.T)", "np.dot(dZ2, A2.T)"), ("np.dot(dZ1, X.T)", "np.dot(dZ1, A1.T)")],
            "dense_rows": [("self.x.T @ grad", "self.out.T @ grad")],
            "book_layers": [("np.dot(self.inputs.T, dvalues)", "np.dot(self.output.T, dvalues)")],
            "plain_rows": [("a[l - 1].T @ delta", "a[l].T @ delta")],
            "plain_columns": [("deltas[l] @ As[l].T", "deltas[l] @ As[l + 1].T")],
            "plain_descent": [("delta.dot(outputs[l - 1].T)", "delta.dot(out.T)")],
            "plain_dict": [("activations[i - 1].T @ delta", "activations[i].T @ delta")],
            "script": [("l1.T.dot(l2_delta)", "l2.T.dot(l2_delta)"), ("l0.T.dot(l1_delta)", "l1.T.dot(l1_delta)")],
        },
        {"dense_rows": "square", "script": "square"},
    ),
    Mistake(
        "x-for-a", "BP4", "the input x where the activations of the layer before belong",
        "",
        {
            "nielsen": [("np.dot(delta, activations[l].T)", "np.dot(delta, x.T)")],
            "nielsen_batch": [("D @ As[l].T", "D @ X.T")],
            "welch": [("np.dot(self.a2.T, delta3)", "np.dot(X.T, delta3)")],
            "planar": [("np.dot(dZ2, A1.T)", "np.dot(dZ2, X.T)")],
            "two_layer_net": [("hidden.T.dot(dscores) + 2 * reg * W2", "X.T.dot(dscores)")],
            "plain_rows": [("a[l - 1].T @ delta", "x.T @ delta")],
            "plain_rows_sum": [("hs[i].T @ grad", "x.T @ grad")],
            "plain_columns": [("deltas[l] @ As[l].T", "deltas[l] @ x.T")],
            "plain_dict": [("activations[i - 1].T @ delta", "x.T @ delta")],
            "script": [("l1.T.dot(l2_delta)", "l0.T.dot(l2_delta)")],
        },
        {"script": "square"},
    ),
    Mistake(
        "one-over-n-missing", "BP4", "1/n is missing in ∂C/∂W, though it stands in ∂C/∂b or in the cost",
        "nndl/nndl-exercise-ans#1, campusx-official/100-days-of-machine-learning#8, ntumlta2019/hw1#2",
        {
            "planar": [("dW2 = (1 / m) *", "dW2 ="), ("dW1 = (1 / m) *", "dW1 =")],
            "deep": [("np.dot(dZ, A_prev.T) / m", "np.dot(dZ, A_prev.T)")],
            "coursera": [("d2.T @ a1 / m", "d2.T @ a1"), ("d3.T @ a2 / m", "d3.T @ a2")],
            "coursera_loop": [("D1, D2 = Delta1 / m, Delta2 / m", "D1, D2 = Delta1, Delta2")],
            "plain_columns": [("deltas[l] @ As[l].T / m", "deltas[l] @ As[l].T")],
        },
        {"coursera": "cost", "coursera_loop": "cost"},
        (("BP3", "mean-for-sum"), ("BP1", "one-over-n-missing")),
    ),
    Mistake(
        "one-over-n-double", "BP4", "∂C/∂W is divided by n although δ carries the 1/n",
        "lipiji/rnn-theano#3, SkalskiP/ILearnDeepLearning.py#29",
        {
            "welch_biases": [("self.h.T @ delta_out", "self.h.T @ delta_out / n"), ("X.T @ delta_hidden", "X.T @ delta_hidden / n")],
            "planar": [("np.dot(dZ2, A1.T)", "np.dot(dZ2, A1.T) / m"), ("np.dot(dZ1, X.T)", "np.dot(dZ1, X.T) / m")],
            "deep": [("np.dot(dZ, A_prev.T) / m", "np.dot(dZ, A_prev.T) / m / m")],
            "two_layer_net": [("hidden.T.dot(dscores)", "hidden.T.dot(dscores) / N"), ("X.T.dot(dhidden)", "X.T.dot(dhidden) / N")],
            "fully_connected": [("x.T.dot(dout)", "x.T.dot(dout) / len(x)")],
            "dense_rows": [("self.x.T @ grad", "self.x.T @ grad / len(grad)")],
            "book_layers": [("np.dot(self.inputs.T, dvalues)", "np.dot(self.inputs.T, dvalues) / len(dvalues)")],
            "book_softmax": [("self.inputs.T @ dvalues", "self.inputs.T @ dvalues / len(dvalues)")],
            "plain_rows": [("a[l - 1].T @ delta", "a[l - 1].T @ delta / n")],
            "plain_columns": [("deltas[l] @ As[l].T / m", "deltas[l] @ As[l].T / m / m")],
            "plain_dict": [("activations[i - 1].T @ delta", "activations[i - 1].T @ delta / len(x)")],
        },
        same_as=(("BP3", "one-over-n-missing"),),
    ),
    Mistake(
        "mean-for-sum", "BP4", "the mean over the batch in ∂C/∂W, the sum in ∂C/∂b",
        "",
        {
            "nielsen_batch": [("D @ As[l].T", "D @ As[l].T / X.shape[1]")],
            "plain_rows_sum": [("hs[i].T @ grad", "hs[i].T @ grad / len(x)")],
            "plain_descent": [("delta.dot(outputs[l - 1].T)", "delta.dot(outputs[l - 1].T) / x.shape[1]")],
            "script": [("l1.T.dot(l2_delta)", "l1.T.dot(l2_delta) / len(X)"), ("l0.T.dot(l1_delta)", "l0.T.dot(l1_delta) / len(X)")],
        },
        same_as=(("BP3", "one-over-n-missing"), ("BP4", "one-over-n-double")),
    ),
    Mistake(
        "one-layer-not-averaged", "BP4", "1/n is forgotten in one layer only",
        "",
        {
            "planar": [("dW1 = (1 / m) *", "dW1 =")],
            "coursera": [("d2.T @ a1 / m", "d2.T @ a1")],
            "coursera_loop": [("D1, D2 = Delta1 / m, Delta2 / m", "D1, D2 = Delta1, Delta2 / m")],
        },
        same_as=(("BP4", "one-over-n-missing"),),
    ),
    Mistake(
        "factor-2", "BP4", "a stray constant in ∂C/∂W",
        "planted in a course's homework",
        {
            "nielsen": [("np.dot(delta, activations[l].T)", "2 * np.dot(delta, activations[l].T)")],
            "nielsen_cross_entropy": [("d.dot(a_in.T)", "2 * d.dot(a_in.T)")],
            "welch_biases": [("self.h.T @ delta_out", "2 * self.h.T @ delta_out"), ("X.T @ delta_hidden", "2 * X.T @ delta_hidden")],
            "planar": [("dW2 = (1 / m) *", "dW2 = (2 / m) *"), ("dW1 = (1 / m) *", "dW1 = (2 / m) *")],
            "deep": [("np.dot(dZ, A_prev.T) / m", "2 * np.dot(dZ, A_prev.T) / m")],
            "fully_connected": [("x.T.dot(dout)", "2 * x.T.dot(dout)")],
            "dense_columns": [("np.dot(output_gradient, self.input.T)", "2 * np.dot(output_gradient, self.input.T)")],
            "book_layers": [("np.dot(self.inputs.T, dvalues)", "2 * np.dot(self.inputs.T, dvalues)")],
            "plain_rows": [("a[l - 1].T @ delta", "2 * a[l - 1].T @ delta")],
            "plain_columns": [("deltas[l] @ As[l].T / m", "2 * deltas[l] @ As[l].T / m")],
        },
    ),
    Mistake(
        "delta-of-next-layer", "BP4", "∂C/∂w^l with the δ of the layer after",
        "",
        {
            "welch": [("np.dot(X.T, delta2)", "np.dot(X.T, delta3)")],
            "welch_biases": [("X.T @ delta_hidden", "X.T @ delta_out")],
            "planar": [("np.dot(dZ1, X.T)", "np.dot(dZ2, X.T)")],
            "two_layer_net": [("X.T.dot(dhidden) + 2 * reg * W1", "X.T.dot(dscores)")],
            "plain_columns": [("deltas[l] @ As[l].T", "deltas[min(l + 1, L - 1)] @ As[l].T")],
            "script": [("l0.T.dot(l1_delta)", "l0.T.dot(l2_delta)")],
        },
        {"script": "square"},
    ),
    Mistake(
        "error-for-delta", "BP4", "∂C/∂w^l with the error before σ' was multiplied in",
        "",
        {
            "welch": [("np.dot(self.a2.T, delta3)", "np.dot(self.a2.T, outputError)")],
            "welch_biases": [("X.T @ delta_hidden", "X.T @ back")],
            "planar": [("np.dot(dZ1, X.T)", "np.dot(dA1, X.T)")],
            "plain_descent": [("delta.dot(outputs[l - 1].T)", "error.dot(outputs[l - 1].T)")],
            "script": [("l1.T.dot(l2_delta)", "l1.T.dot(l2_error)"), ("l0.T.dot(l1_delta)", "l0.T.dot(l1_error)")],
        },
    ),
    Mistake(
        "elementwise-for-outer-product", "BP4", "* where the outer product of δ and a belongs",
        "forums.fast.ai 7398, community.deeplearning.ai 119220",
        {
            "nielsen": [("np.dot(delta, activations[l].T)", "delta * activations[l]")],
            "nielsen_cross_entropy": [("d.dot(a_in.T)", "d * a_in")],
            "coursera_loop": [("Delta1 += np.outer(delta2, a1)", "Delta1 += delta2[:, None] * a1.mean()")],
        },
        {"nielsen": "square", "nielsen_cross_entropy": "square"},
    ),
    Mistake(
        "last-example-only", "BP4", "= where += belongs: only the last example counts",
        "karpathy/micrograd#53, 0809zheng/CS231n-assignment2019#19",
        {"coursera_loop": [("Delta2 += np.outer", "Delta2 = np.outer"), ("Delta1 += np.outer", "Delta1 = np.outer")]},
    ),
    Mistake(
        "l2-extra", "BP4", "a penalty of the weights that the cost does not have",
        "Burton2000/CS231n-2017#9",
        {
            "nielsen": [("np.dot(delta, activations[l].T)", "np.dot(delta, activations[l].T) + 0.1 * self.weights[l]")],
            "welch": [("np.dot(self.a2.T, delta3)", "np.dot(self.a2.T, delta3) + 0.1 * self.W2"), ("np.dot(X.T, delta2)", "np.dot(X.T, delta2) + 0.1 * self.W1")],
            "planar": [("np.dot(dZ2, A1.T)", "(np.dot(dZ2, A1.T) + 0.7 * W2)"), ("np.dot(dZ1, X.T)", "(np.dot(dZ1, X.T) + 0.7 * W1)")],
            "deep": [("np.dot(dZ, A_prev.T) / m", "(np.dot(dZ, A_prev.T) + 0.7 * W) / m")],
            "two_layer_net": [("2 * reg * W2", "0.1 * W2"), ("2 * reg * W1", "0.1 * W1")],
            "fully_connected": [("x.T.dot(dout)", "x.T.dot(dout) + 0.1 * w")],
            "book_layers": [("np.dot(self.inputs.T, dvalues)", "np.dot(self.inputs.T, dvalues) + 0.1 * self.weights")],
            "coursera": [("Theta1_grad[:, 1:] += lambda_ / m *", "Theta1_grad[:, 1:] += 1 / m *"), ("Theta2_grad[:, 1:] += lambda_ / m *", "Theta2_grad[:, 1:] += 1 / m *")],
            "plain_rows": [("a[l - 1].T @ delta", "a[l - 1].T @ delta + 0.1 * weights[l - 1]")],
        },
    ),
]  # fmt: skip

# --- the forward pass -------------------------------------------------------------------------------

FORWARD = [
    Mistake(
        "no-bias", "forward", "z = w a: the bias is not added",
        "Kulbear/deep-learning-coursera#48",
        {
            "nielsen": [("np.dot(w, activations[-1]) + b", "np.dot(w, activations[-1])")],
            "nielsen_batch": [("Z = w @ A + b", "Z = w @ A")],
            "nielsen_cross_entropy": [("z = w.dot(a) + b", "z = w.dot(a)")],
            "welch_biases": [("X @ self.W1 + self.b1", "X @ self.W1"), ("self.h @ self.W2 + self.b2", "self.h @ self.W2")],
            "planar": [(' + parameters["b1"]', ""), (' + parameters["b2"]', "")],
            "deep": [("Z = np.dot(W, A) + b", "Z = np.dot(W, A)")],
            "two_layer_net": [("X.dot(W1) + b1", "X.dot(W1)"), ("hidden.dot(W2) + b2", "hidden.dot(W2)")],
            "fully_connected": [("return x.dot(w) + b, (x, w, b)", "return x.dot(w), (x, w, b)")],
            "dense_columns": [("np.dot(self.weights, self.input) + self.bias", "np.dot(self.weights, self.input)")],
            "dense_rows": [("x @ self.W + self.b", "x @ self.W")],
            "book_layers": [("np.dot(inputs, self.weights) + self.biases", "np.dot(inputs, self.weights)")],
            "book_softmax": [("inputs @ self.weights + self.biases", "inputs @ self.weights")],
            "plain_rows": [("weights[l - 1] + biases[l - 1]", "weights[l - 1]")],
            "plain_rows_sum": [("np.tanh(hs[-1] @ W + b)", "np.tanh(hs[-1] @ W)"), ("hs[-1] @ weights[-1] + biases[-1]", "hs[-1] @ weights[-1]")],
            "plain_columns": [("weights[l] @ As[l] + biases[l]", "weights[l] @ As[l]")],
            "plain_descent": [("W.dot(outputs[-1]) + b", "W.dot(outputs[-1])")],
            "plain_dict": [("activations[-1] @ weights[i] + biases[i]", "activations[-1] @ weights[i]")],
            "script": [("np.dot(l0, syn0) + bias0", "np.dot(l0, syn0)"), ("np.dot(l1, syn1) + bias1", "np.dot(l1, syn1)")],
        },
    ),
    Mistake(
        "softmax-over-batch", "forward", "softmax normalises over the examples, not over the classes",
        "ethanfetaya/NRI#25, dongjun-Lee/text-classification-models-tf#1",
        {
            "two_layer_net": [("probs = exps / exps.sum(axis=1, keepdims=True)", "probs = exps / exps.sum(axis=0, keepdims=True)")],
            "fully_connected": [("np.exp(z).sum(axis=1, keepdims=True)", "np.exp(z).sum(axis=0, keepdims=True)")],
            "book_layers": [("np.sum(exp_values, axis=1, keepdims=True)", "np.sum(exp_values, axis=0, keepdims=True)")],
            "book_softmax": [("exps / exps.sum(axis=1, keepdims=True)", "exps / exps.sum(axis=0, keepdims=True)")],
            "plain_dict": [("np.sum(e, axis=1, keepdims=True)", "np.sum(e, axis=0, keepdims=True)")],
        },
    ),
    Mistake(
        "softmax-over-everything", "forward", "softmax divides by the sum over the whole batch",
        "rickwierenga/MLFundamentals#1, nntrainer/nntrainer#430",
        {
            "two_layer_net": [("probs = exps / exps.sum(axis=1, keepdims=True)", "probs = exps / exps.sum()")],
            "fully_connected": [("np.exp(z).sum(axis=1, keepdims=True)", "np.exp(z).sum()")],
            "book_layers": [("np.sum(exp_values, axis=1, keepdims=True)", "np.sum(exp_values)")],
            "book_softmax": [("exps / exps.sum(axis=1, keepdims=True)", "exps / exps.sum()")],
            "plain_dict": [("np.sum(e, axis=1, keepdims=True)", "np.sum(e)")],
        },
    ),
    Mistake(
        "softmax-not-normalised", "forward", "e^z is taken for softmax: the division is missing",
        "",
        {
            "two_layer_net": [("probs = exps / exps.sum(axis=1, keepdims=True)", "probs = exps")],
            "book_softmax": [("exps / exps.sum(axis=1, keepdims=True)", "exps")],
            "plain_dict": [("return e / np.sum(e, axis=1, keepdims=True)", "return e")],
        },
    ),
    Mistake(
        "no-output-activation", "forward", "the output layer has no activation",
        "",
        {
            "welch": [("yHat = self.sigmoid(self.z3)", "yHat = self.z3")],
            "planar": [("A2 = sigmoid(Z2)", "A2 = Z2")],
            "deep": [("relu(Z) if l < L else sigmoid(Z)", "relu(Z) if l < L else Z")],
            "plain_columns": [("else sigma(Zs[l])", "else Zs[l]")],
            "plain_dict": [("softmax(z) if i", "z if i")],
            "script": [("l2 = nonlin(np.dot(l1, syn1) + bias1)", "l2 = np.dot(l1, syn1) + bias1")],
        },
    ),
    Mistake(
        "no-hidden-activation", "forward", "the hidden layers are linear: the activation does nothing",
        "ahmedfgad/NumPyCNN#4",
        {
            "welch": [("self.a2 = self.sigmoid(self.z2)", "self.a2 = self.z2")],
            "welch_biases": [("self.h = np.tanh(self.z1)", "self.h = self.z1")],
            "planar": [("A1 = np.tanh(Z1)", "A1 = Z1")],
            "deep": [("relu(Z) if l < L else sigmoid(Z)", "Z if l < L else sigmoid(Z)")],
            "two_layer_net": [("hidden = np.maximum(0, pre)", "hidden = pre")],
            "fully_connected": [("return np.maximum(0, x), x", "return x, x")],
            "book_layers": [("self.output = np.maximum(0, inputs)", "self.output = inputs")],
            "coursera": [("a2 = np.hstack([np.ones((m, 1)), sigmoid(z2)])", "a2 = np.hstack([np.ones((m, 1)), z2])")],
            "plain_columns": [("np.tanh(Zs[l]) if l < L - 1", "Zs[l] if l < L - 1")],
            "plain_dict": [("else np.tanh(z))", "else z)")],
        },
    ),
    Mistake(
        "other-activation", "forward", "another activation in the forward pass than the one that σ' belongs to",
        "",
        {
            "nielsen": [("a = sigmoid(z)", "a = np.tanh(z)")],
            "nielsen_batch": [("A = sigmoid(Z)", "A = np.maximum(0, Z)")],
            "welch_biases": [("self.h = np.tanh(self.z1)", "self.h = 1 / (1 + np.exp(-self.z1))")],
            "planar": [("A1 = np.tanh(Z1)", "A1 = sigmoid(Z1)")],
            "deep": [("relu(Z) if l < L else sigmoid(Z)", "np.tanh(Z) if l < L else sigmoid(Z)")],
            "two_layer_net": [("hidden = np.maximum(0, pre)", "hidden = np.tanh(pre)")],
            "dense_columns": [("return np.tanh(self.input)", "return 1 / (1 + np.exp(-self.input))")],
            "coursera": [("np.ones((m, 1)), sigmoid(z2)", "np.ones((m, 1)), np.tanh(z2)")],
            "plain_rows": [("a[l] = sigmoid(z[l])", "a[l] = np.tanh(z[l])")],
        },
    ),
    Mistake(
        "activation-twice", "forward", "the activation of the output is applied twice",
        "jaehong31/CGES#1, tflearn/tflearn#562, nfmcclure/tensorflow_cookbook#86",
        {
            "nielsen": [("a = sigmoid(z)", "a = sigmoid(sigmoid(z))")],
            "welch": [("yHat = self.sigmoid(self.z3)", "yHat = self.sigmoid(self.sigmoid(self.z3))")],
            "planar": [("A2 = sigmoid(Z2)", "A2 = sigmoid(sigmoid(Z2))")],
            "deep": [("else sigmoid(Z)", "else sigmoid(sigmoid(Z))")],
            "two_layer_net": [
                ("        loss = -np.log", "        probs = np.exp(probs) / np.exp(probs).sum(axis=1, keepdims=True)\n        loss = -np.log"),
            ],
            "coursera": [("h = sigmoid(z3)", "h = sigmoid(sigmoid(z3))")],
            "plain_columns": [("else sigma(Zs[l])", "else sigma(sigma(Zs[l]))")],
            "plain_dict": [("softmax(z) if i", "softmax(softmax(z)) if i")],
            "script": [("l2 = nonlin(np.dot(l1, syn1) + bias1)", "l2 = nonlin(nonlin(np.dot(l1, syn1) + bias1))")],
        },
    ),
    Mistake(
        "sigmoid-sign", "forward", "1/(1 + e^z): the minus of the sigmoid is lost",
        "ljvmiranda921/pyswarms#145, pytorch/torcharrow#523, "
        "makeyourownneuralnetwork/makeyourownneuralnetwork#25",
        {
            "nielsen": [("1.0 / (1.0 + np.exp(-z))", "1.0 / (1.0 + np.exp(z))")],
            "nielsen_cross_entropy": [("1.0 / (1.0 + np.exp(-z))", "1.0 / (1.0 + np.exp(z))")],
            "welch": [("return 1 / (1 + np.exp(-z))", "return 1 / (1 + np.exp(z))")],
            "planar": [("return 1 / (1 + np.exp(-z))", "return 1 / (1 + np.exp(z))")],
            "coursera": [("return 1 / (1 + np.exp(-z))", "return 1 / (1 + np.exp(z))")],
            "plain_rows": [("return 1 / (1 + np.exp(-z))", "return 1 / (1 + np.exp(z))")],
            "script": [("return 1 / (1 + np.exp(-x))", "return 1 / (1 + np.exp(x))")],
        },
    ),
    Mistake(
        "weights-transposed", "forward", "z = wᵀ a, unseen while layers have one width",
        "makeyourownneuralnetwork/makeyourownneuralnetwork#77",
        {
            "nielsen": [("np.dot(w, activations[-1])", "np.dot(w.T, activations[-1])")],
            "welch": [("np.dot(self.a2, self.W2)", "np.dot(self.a2, self.W2.T)")],
            "planar": [('np.dot(parameters["W2"], A1)', 'np.dot(parameters["W2"].T, A1)')],
            "plain_rows": [("a[l - 1] @ weights[l - 1]", "a[l - 1] @ weights[l - 1].T")],
        },
        EVERYWHERE_SQUARE,
    ),
    Mistake(
        "x-for-a", "forward", "every layer reads the input x, not the layer before",
        "",
        {
            "nielsen": [("np.dot(w, activations[-1])", "np.dot(w, x)")],
            "planar": [('np.dot(parameters["W2"], A1)', 'np.dot(parameters["W2"], X)')],
            "plain_rows": [("a[l - 1] @ weights[l - 1]", "x @ weights[l - 1]")],
            "plain_descent": [("W.dot(outputs[-1])", "W.dot(x)")],
        },
        EVERYWHERE_SQUARE,
    ),
    Mistake(
        "z-overwritten", "forward", "the activation is written into z, so σ' is later taken of a",
        "deeplearning4j/deeplearning4j#364",
        {
            "nielsen": [("            activations.append(a)\n", "            activations.append(a)\n            z[:] = a\n")],
            "nielsen_batch": [("            A = sigmoid(Z)\n", "            A = sigmoid(Z)\n            Z[...] = A\n")],
            "plain_rows": [("        a[l] = sigmoid(z[l])\n", "        a[l] = z[l] = sigmoid(z[l])\n")],
        },
        same_as=(("BP1", "sigma-prime-of-a"),),
    ),
]  # fmt: skip

# --- the cost: its value is wrong, its gradient right -----------------------------------------------

COST = [
    Mistake(
        "one-over-n-missing", "cost", "the gradient is that of the mean, the cost is the sum over the batch",
        "aymericdamien/TensorFlow-Examples#10",
        {
            "welch_biases": [("/ (2 * X.shape[0])", "/ 2")],
            "two_layer_net": [("-np.log(probs[np.arange(N), y]).mean()", "-np.log(probs[np.arange(N), y]).sum()")],
            "fully_connected": [("-np.sum(log_probs[np.arange(N), y]) / N", "-np.sum(log_probs[np.arange(N), y])")],
            "dense_rows": [("0.5 * np.sum((out - y) ** 2) / len(x)", "0.5 * np.sum((out - y) ** 2)")],
            "book_layers": [("np.mean(-np.log(confidences))", "np.sum(-np.log(confidences))")],
            "book_softmax": [("-np.sum(targets * np.log(predictions)) / len(predictions)", "-np.sum(targets * np.log(predictions))")],
            "coursera": [("(1 - Y) * np.log(1 - h)) / m", "(1 - Y) * np.log(1 - h))")],
            "coursera_loop": [("J = J / m +", "J = J +")],
        },
        same_as=(("BP1", "one-over-n-double"),),
    ),
    Mistake(
        "half-missing", "cost", "the gradient is that of ½‖y - a‖², the cost has no ½",
        "Open-Deep-ML/DML-OpenProblem#54",
        {
            "welch": [("0.5 * np.sum((y - self.yHat) ** 2)", "np.sum((y - self.yHat) ** 2)")],
            "welch_biases": [("/ (2 * X.shape[0])", "/ X.shape[0]")],
            "dense_rows": [("0.5 * np.sum((out - y) ** 2)", "np.sum((out - y) ** 2)")],
        },
        same_as=(("BP1", "factor-2"),),
    ),
    Mistake(
        "sign", "cost", "the minus of the cross-entropy is missing",
        "davharris/mistnet#29, cs231n/cs231n.github.io#244, eriklindernoren/ML-From-Scratch#16",
        {
            "two_layer_net": [("loss = -np.log", "loss = np.log")],
            "fully_connected": [("loss = -np.sum", "loss = np.sum")],
            "book_layers": [("np.mean(-np.log(confidences))", "np.mean(np.log(confidences))")],
            "book_softmax": [("return -np.sum(targets", "return np.sum(targets")],
            "coursera": [("np.sum(-Y * np.log(h) - (1 - Y) * np.log(1 - h))", "np.sum(Y * np.log(h) + (1 - Y) * np.log(1 - h))")],
            "coursera_loop": [("J -= np.sum(yt", "J += np.sum(yt")],
        },
        same_as=(("BP1", "sign"),),
    ),
    Mistake(
        "half-of-the-cross-entropy", "cost", "the term (1 - y) ln(1 - a) is left out",
        "",
        {
            "coursera": [("np.sum(-Y * np.log(h) - (1 - Y) * np.log(1 - h))", "np.sum(-Y * np.log(h))")],
            "coursera_loop": [("np.sum(yt * np.log(a3) + (1 - yt) * np.log(1 - a3))", "np.sum(yt * np.log(a3))")],
        },
    ),
    Mistake(
        "log-of-wrong-class", "cost", "the logarithm of every probability is taken, not of the right class alone",
        "",
        {
            "two_layer_net": [("-np.log(probs[np.arange(N), y]).mean()", "-np.log(probs).mean()")],
            "fully_connected": [("-np.sum(log_probs[np.arange(N), y]) / N", "-np.sum(log_probs) / N")],
        },
    ),
]  # fmt: skip

# --- state ------------------------------------------------------------------------------------------

STATE = [
    Mistake(
        "accumulates-over-calls", "state", "gradients are kept from one call to the next and added to",
        "karpathy/micrograd#53, karpathy/nn-zero-to-hero#52",
        {
            "nielsen": [
                ("        nabla_b = [np.zeros_like(b) for b in self.biases]\n        nabla_w = [np.zeros_like(w) for w in self.weights]\n",
                 "        if not hasattr(self, 'nabla_w'):\n            self.nabla_b = [np.zeros_like(b) for b in self.biases]\n            self.nabla_w = [np.zeros_like(w) for w in self.weights]\n        nabla_b, nabla_w = self.nabla_b, self.nabla_w\n"),
                ("nabla_b[l] = delta", "nabla_b[l] = nabla_b[l] + delta"),
                ("nabla_w[l] = np.dot", "nabla_w[l] = nabla_w[l] + np.dot"),
            ],
            "book_layers": [
                ("self.dweights = np.dot", "self.dweights = getattr(self, 'dweights', 0) + np.dot"),
                ("self.dbiases = np.sum", "self.dbiases = getattr(self, 'dbiases', 0) + np.sum"),
            ],
            "book_softmax": [
                ("self.dweights = self.inputs.T", "self.dweights = getattr(self, 'dweights', 0) + self.inputs.T"),
                ("self.dbiases = dvalues.sum", "self.dbiases = getattr(self, 'dbiases', 0) + dvalues.sum"),
            ],
            "plain_dict": [
                ("def backprop(weights, biases, x, y):", "def backprop(weights, biases, x, y, grads={}):"),
                ("    grads = {}\n", ""),
                ('grads["dW" + str(i)] = ', 'grads["dW" + str(i)] = grads.get("dW" + str(i), 0) + '),
                ('grads["db" + str(i)] = ', 'grads["db" + str(i)] = grads.get("db" + str(i), 0) + '),
            ],
        },
    ),
    Mistake(
        "mutates-inputs", "state", "the arrays handed in are changed",
        "lawlite19/MachineLearning_Python#4, apple/coremltools#2795",
        {
            "nielsen": [("        zs, activations = self.forward(x)\n", "        x -= x.mean()\n        zs, activations = self.forward(x)\n")],
            "welch": [("        outputError = -(y - self.yHat)\n", "        y -= self.yHat\n        outputError = -y\n")],
            "planar": [("    dZ2 = A2 - Y\n", "    Y -= A2\n    dZ2 = -Y\n")],
            "coursera": [("    d3 = h - Y\n", "    Theta1[:, 0] = 0\n    Theta2[:, 0] = 0\n    d3 = h - Y\n")],
            "plain_rows": [("    n = len(x)\n", "    n = len(x)\n    x -= x.mean(axis=0)\n")],
            "plain_columns": [("    m = x.shape[1]\n", "    m = x.shape[1]\n    x /= np.abs(x).max()\n")],
        },
    ),
    Mistake(
        "random", "state", "each call gives other numbers: dropout or noise that cannot be turned off",
        "torch/tutorials#25, HomericIntelligence/Odyssey#2090",
        {
            "nielsen": [("            a = sigmoid(z)\n", "            a = sigmoid(z) * (np.random.rand(*z.shape) < 0.8) / 0.8\n")],
            "welch_biases": [("self.h = np.tanh(self.z1)", "self.h = np.tanh(self.z1) * (np.random.rand(*self.z1.shape) < 0.5) * 2")],
            "two_layer_net": [("hidden = np.maximum(0, pre)", "hidden = np.maximum(0, pre) * (np.random.rand(*pre.shape) < 0.5) * 2")],
            "fully_connected": [("return np.maximum(0, x), x", "return np.maximum(0, x) * (np.random.rand(*x.shape) < 0.5) * 2, x")],
            "plain_rows": [("    n = len(x)\n", "    x = x + 0.01 * np.random.randn(*x.shape)\n    n = len(x)\n")],
        },
    ),
    Mistake(
        "shuffled-apart", "state", "x is shuffled and y is not",
        "mnielsen/neural-networks-and-deep-learning#50, #73",
        {
            "nielsen_batch": [("A, Zs, As = X, [], [X]", "X = X[:, np.random.permutation(X.shape[1])]\n        A, Zs, As = X, [], [X]")],
            "plain_rows": [("    n = len(x)\n", "    x = np.random.permutation(x)\n    n = len(x)\n")],
            "script": [("    l0 = X\n", "    l0 = np.random.permutation(X)\n")],
        },
        same_as=(("state", "random"),),
    ),
    Mistake(
        "stale-weights", "state", "the weights of the first call are kept: later ones are not looked at",
        "",
        {
            "nielsen": [
                ("        zs, activations = [], [x]\n",
                 "        if not hasattr(self, 'first'):\n            self.first = [w.copy() for w in self.weights]\n        zs, activations = [], [x]\n"),
                ("in zip(self.weights, self.biases):", "in zip(self.first, self.biases):"),
            ],
            "fully_connected": [
                ("        out, caches = X, []\n", "        if not hasattr(self, 'first'):\n            self.first = {k: v.copy() for k, v in self.params.items()}\n        out, caches = X, []\n"),
                ('affine_forward(out, self.params[f"W{i}"]', 'affine_forward(out, self.first[f"W{i}"]'),
            ],
        },
    ),
]  # fmt: skip

MISTAKES: list[Mistake] = [*BP1, *BP2, *BP3, *BP4, *FORWARD, *COST, *STATE]
