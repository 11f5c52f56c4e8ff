"""Right implementations of backpropagation, in the styles and layouts in which people write it.

Each is the text of a student's file, so that `catalogue` can plant mistakes in it by replacing text, and a file of it
can be written. They differ on purpose: in layout, in the owner of 1/n and of ½, in the sign, in the names, in how the
loop over the layers goes. `RIGHT` holds them with their settings.

`caller(name)` runs one, whatever its form, on a network in the layout of the library (rows, weights (n_in, n_out)), and
gives back gradients in that layout, so that all of them can be compared with `tg.backprop.backprop`.

Forms: 0 a plain function, 1 an object with `backprop(x, y)`, 2 `costFunctionPrime(X, y)`, 3 `backward_propagation`,
4 `L_model_backward`, 5 `loss(X, y)` with `self.params`, 6 layers that update inside `backward(grad, lr)`, 7 layers with
`.dweights`, 8 `nnCostFunction` of one unrolled vector, 9 a script with `+=`.
"""

import functools
import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

# --- 1: an object with weights, biases and backprop(x, y) -------------------------------------------

NIELSEN = '''
import numpy as np


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def sigmoid_prime(z):
    return sigmoid(z) * (1 - sigmoid(z))


class Network:
    def __init__(self, sizes):
        rng = np.random.default_rng(1)
        self.sizes = sizes
        self.weights = [rng.standard_normal((n_out, n_in)) for n_in, n_out in zip(sizes, sizes[1:])]
        self.biases = [rng.standard_normal((n_out, 1)) for n_out in sizes[1:]]

    def cost_derivative(self, a, y):
        return a - y

    def forward(self, x):
        zs, activations = [], [x]
        for w, b in zip(self.weights, self.biases):
            z = np.dot(w, activations[-1]) + b
            a = sigmoid(z)
            zs.append(z)
            activations.append(a)
        return zs, activations

    def backprop(self, x, y):
        """x and y are columns, one example."""
        zs, activations = self.forward(x)
        last = len(self.weights) - 1
        nabla_b = [np.zeros_like(b) for b in self.biases]
        nabla_w = [np.zeros_like(w) for w in self.weights]
        delta = self.cost_derivative(activations[-1], y) * sigmoid_prime(zs[-1])
        for l in range(last, -1, -1):
            if l < last:
                carried = np.dot(self.weights[l + 1].T, delta)
                delta = carried * sigmoid_prime(zs[l])
            nabla_b[l] = delta
            nabla_w[l] = np.dot(delta, activations[l].T)
        return nabla_b, nabla_w
'''

NIELSEN_BATCH = '''
import numpy as np


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def sigmoid_prime(z):
    s = sigmoid(z)
    return s * (1.0 - s)


class Network(object):
    def __init__(self, sizes):
        self.num_layers = len(sizes)
        self.biases = [np.random.randn(k, 1) for k in sizes[1:]]
        self.weights = [np.random.randn(k, j) / np.sqrt(j) for j, k in zip(sizes[:-1], sizes[1:])]

    def backprop(self, X, Y):
        """A whole mini-batch at once: one column for each example."""
        A, Zs, As = X, [], [X]
        for w, b in zip(self.weights, self.biases):
            Z = w @ A + b
            A = sigmoid(Z)
            Zs.append(Z)
            As.append(A)
        error = A - Y
        deltas = [error * sigmoid_prime(Zs[-1])]
        for l in range(self.num_layers - 2, 0, -1):
            backward = self.weights[l].T @ deltas[0]
            deltas.insert(0, backward * sigmoid_prime(Zs[l - 1]))
        nabla_b, nabla_w = [], []
        for l, D in enumerate(deltas):
            nabla_b.append(D.sum(axis=1, keepdims=True))
            nabla_w.append(D @ As[l].T)
        return nabla_b, nabla_w
'''

NIELSEN_CROSS_ENTROPY = """
import numpy as np


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def sigmoid_prime(z):
    return sigmoid(z) * (1.0 - sigmoid(z))


class QuadraticCost:
    @staticmethod
    def delta(z, a, y):
        return (a - y) * sigmoid_prime(z)


class CrossEntropyCost:
    @staticmethod
    def delta(z, a, y):
        return np.subtract(a, y)


class Net:
    def __init__(self, sizes, cost=CrossEntropyCost):
        rng = np.random.default_rng(2)
        self.cost = cost
        self.weights = [rng.standard_normal((m, n)) for n, m in zip(sizes[:-1], sizes[1:])]
        self.biases = [rng.standard_normal((m, 1)) for m in sizes[1:]]

    def backprop(self, x, y):
        layers = []
        a = x
        for w, b in zip(self.weights, self.biases):
            z = w.dot(a) + b
            layers.append((a, z))
            a = sigmoid(z)
        nabla_w, nabla_b = [], []
        d = self.cost.delta(z, a, y)
        following = None
        for w, (a_in, z) in zip(reversed(self.weights), reversed(layers)):
            if following is not None:
                d = following.T.dot(d) * sigmoid_prime(z)
            nabla_w.insert(0, d.dot(a_in.T))
            nabla_b.insert(0, d)
            following = w
        return nabla_w, nabla_b
"""

# --- 2: two layers, rows, costFunctionPrime ---------------------------------------------------------

WELCH = """
import numpy as np


class Neural_Network(object):
    def __init__(self, inputLayerSize=2, hiddenLayerSize=3, outputLayerSize=1):
        self.W1 = np.random.randn(inputLayerSize, hiddenLayerSize)
        self.W2 = np.random.randn(hiddenLayerSize, outputLayerSize)

    def forward(self, X):
        self.z2 = np.dot(X, self.W1)
        self.a2 = self.sigmoid(self.z2)
        self.z3 = np.dot(self.a2, self.W2)
        yHat = self.sigmoid(self.z3)
        return yHat

    def sigmoid(self, z):
        return 1 / (1 + np.exp(-z))

    def sigmoidPrime(self, z):
        return np.exp(-z) / ((1 + np.exp(-z)) ** 2)

    def costFunction(self, X, y):
        self.yHat = self.forward(X)
        return 0.5 * np.sum((y - self.yHat) ** 2)

    def costFunctionPrime(self, X, y):
        self.yHat = self.forward(X)
        outputError = -(y - self.yHat)
        delta3 = outputError * self.sigmoidPrime(self.z3)
        dJdW2 = np.dot(self.a2.T, delta3)
        hiddenError = np.dot(delta3, self.W2.T)
        delta2 = hiddenError * self.sigmoidPrime(self.z2)
        dJdW1 = np.dot(X.T, delta2)
        return dJdW1, dJdW2
"""

WELCH_BIASES = '''
import numpy as np


class NeuralNetwork:
    """One hidden layer of tanh and a linear output, for regression."""

    def __init__(self, n_in, n_hidden, n_out):
        rng = np.random.default_rng(3)
        self.W1, self.b1 = rng.normal(size=(n_in, n_hidden)), np.zeros(n_hidden)
        self.W2, self.b2 = rng.normal(size=(n_hidden, n_out)), np.zeros(n_out)

    def forward(self, X):
        self.z1 = X @ self.W1 + self.b1
        self.h = np.tanh(self.z1)
        return self.h @ self.W2 + self.b2

    def costFunction(self, X, y):
        return np.sum((self.forward(X) - y) ** 2) / (2 * X.shape[0])

    def costFunctionPrime(self, X, y):
        n = X.shape[0]
        prediction = self.forward(X)
        delta_out = (prediction - y) / n
        dW2 = self.h.T @ delta_out
        db2 = np.sum(delta_out, axis=0)
        back = delta_out @ self.W2.T
        delta_hidden = back * (1 - self.h**2)
        dW1 = X.T @ delta_hidden
        db1 = np.sum(delta_hidden, axis=0)
        return dW1, db1, dW2, db2
'''

# --- 3: backward_propagation(parameters, cache, X, Y) -----------------------------------------------

PLANAR = """
import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def forward_propagation(X, parameters):
    Z1 = np.dot(parameters["W1"], X) + parameters["b1"]
    A1 = np.tanh(Z1)
    Z2 = np.dot(parameters["W2"], A1) + parameters["b2"]
    A2 = sigmoid(Z2)
    return A2, {"Z1": Z1, "A1": A1, "Z2": Z2, "A2": A2}


def backward_propagation(parameters, cache, X, Y):
    m = X.shape[1]
    W1 = parameters["W1"]
    W2 = parameters["W2"]
    A1, A2 = cache["A1"], cache["A2"]
    Z1, Z2 = cache["Z1"], cache["Z2"]
    dZ2 = A2 - Y
    dW2 = (1 / m) * np.dot(dZ2, A1.T)
    db2 = (1 / m) * np.sum(dZ2, axis=1, keepdims=True)
    dA1 = np.dot(W2.T, dZ2)
    dZ1 = dA1 * (1 - np.power(A1, 2))
    dW1 = (1 / m) * np.dot(dZ1, X.T)
    db1 = (1 / m) * np.sum(dZ1, axis=1, keepdims=True)
    return {"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2}
"""

# --- 4: L_model_backward(AL, Y, caches) -------------------------------------------------------------

DEEP = """
import numpy as np


def sigmoid(Z):
    return 1 / (1 + np.exp(-Z))


def relu(Z):
    return np.maximum(0, Z)


def L_model_forward(X, parameters):
    caches = []
    A = X
    L = len(parameters) // 2
    for l in range(1, L + 1):
        W, b = parameters["W" + str(l)], parameters["b" + str(l)]
        Z = np.dot(W, A) + b
        caches.append(((A, W, b), Z))
        A = relu(Z) if l < L else sigmoid(Z)
    return A, caches


def relu_backward(dA, Z):
    dZ = np.array(dA, copy=True)
    dZ[Z <= 0] = 0
    return dZ


def sigmoid_backward(dA, Z):
    s = sigmoid(Z)
    return dA * s * (1 - s)


def linear_backward(dZ, linear_cache):
    A_prev, W, b = linear_cache
    m = A_prev.shape[1]
    dW = np.dot(dZ, A_prev.T) / m
    db = np.sum(dZ, axis=1, keepdims=True) / m
    dA_prev = np.dot(W.T, dZ)
    return dA_prev, dW, db


def L_model_backward(AL, Y, caches):
    grads = {}
    L = len(caches)
    Y = Y.reshape(AL.shape)
    dA = -(np.divide(Y, AL) - np.divide(1 - Y, 1 - AL))
    for l in reversed(range(L)):
        linear_cache, Z = caches[l]
        if l == L - 1:
            dZ = sigmoid_backward(dA, Z)
        else:
            dZ = relu_backward(dA, Z)
        dA, dW, db = linear_backward(dZ, linear_cache)
        grads["dA" + str(l)] = dA
        grads["dW" + str(l + 1)] = dW
        grads["db" + str(l + 1)] = db
    return grads
"""

# --- 5: loss(X, y) with self.params -----------------------------------------------------------------

TWO_LAYER_NET = """
import numpy as np


class TwoLayerNet(object):
    def __init__(self, input_size, hidden_size, output_size, std=1e-4):
        self.params = {}
        self.params["W1"] = std * np.random.randn(input_size, hidden_size)
        self.params["b1"] = np.zeros(hidden_size)
        self.params["W2"] = std * np.random.randn(hidden_size, output_size)
        self.params["b2"] = np.zeros(output_size)

    def loss(self, X, y=None, reg=0.0):
        W1, b1 = self.params["W1"], self.params["b1"]
        W2, b2 = self.params["W2"], self.params["b2"]
        N = X.shape[0]
        pre = X.dot(W1) + b1
        hidden = np.maximum(0, pre)
        scores = hidden.dot(W2) + b2
        if y is None:
            return scores
        shifted = scores - scores.max(axis=1, keepdims=True)
        exps = np.exp(shifted)
        probs = exps / exps.sum(axis=1, keepdims=True)
        loss = -np.log(probs[np.arange(N), y]).mean()
        loss += reg * (np.sum(W1 * W1) + np.sum(W2 * W2))
        dscores = probs.copy()
        dscores[np.arange(N), y] -= 1
        dscores /= N
        grads = {}
        grads["W2"] = hidden.T.dot(dscores) + 2 * reg * W2
        grads["b2"] = dscores.sum(axis=0)
        dhidden = dscores.dot(W2.T)
        dhidden[pre <= 0] = 0
        grads["W1"] = X.T.dot(dhidden) + 2 * reg * W1
        grads["b1"] = dhidden.sum(axis=0)
        return loss, grads
"""

FULLY_CONNECTED = """
import numpy as np


def affine_forward(x, w, b):
    return x.dot(w) + b, (x, w, b)


def affine_backward(dout, cache):
    x, w, b = cache
    dx = dout.dot(w.T)
    dw = x.T.dot(dout)
    db = dout.sum(axis=0)
    return dx, dw, db


def relu_forward(x):
    return np.maximum(0, x), x


def relu_backward(dout, cache):
    return dout * (cache > 0)


def softmax_loss(x, y):
    z = x - np.max(x, axis=1, keepdims=True)
    log_probs = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
    N = x.shape[0]
    loss = -np.sum(log_probs[np.arange(N), y]) / N
    dx = np.exp(log_probs)
    dx[np.arange(N), y] -= 1
    dx = dx / N
    return loss, dx


class FullyConnectedNet:
    def __init__(self, dims):
        self.num_layers = len(dims) - 1
        self.params = {}
        for i in range(self.num_layers):
            self.params[f"W{i + 1}"] = np.random.randn(dims[i], dims[i + 1])
            self.params[f"b{i + 1}"] = np.zeros(dims[i + 1])

    def loss(self, X, y):
        out, caches = X, []
        for i in range(1, self.num_layers + 1):
            out, cache = affine_forward(out, self.params[f"W{i}"], self.params[f"b{i}"])
            relu_cache = None
            if i < self.num_layers:
                out, relu_cache = relu_forward(out)
            caches.append((cache, relu_cache))
        loss, dout = softmax_loss(out, y)
        grads = {}
        for i in range(self.num_layers, 0, -1):
            cache, relu_cache = caches[i - 1]
            if relu_cache is not None:
                dout = relu_backward(dout, relu_cache)
            dout, grads[f"W{i}"], grads[f"b{i}"] = affine_backward(dout, cache)
        return loss, grads
"""

# --- 6: layers that update inside backward(grad, lr) ------------------------------------------------

DENSE_COLUMNS = '''
import numpy as np


class Dense:
    def __init__(self, input_size, output_size):
        self.weights = np.random.randn(output_size, input_size)
        self.bias = np.random.randn(output_size, 1)

    def forward(self, input):
        self.input = input
        return np.dot(self.weights, self.input) + self.bias

    def backward(self, output_gradient, learning_rate):
        weights_gradient = np.dot(output_gradient, self.input.T)
        bias_gradient = output_gradient
        input_gradient = np.dot(self.weights.T, output_gradient)
        self.weights = self.weights - learning_rate * weights_gradient
        self.bias = self.bias - learning_rate * bias_gradient
        return input_gradient


class Tanh:
    def forward(self, input):
        self.input = input
        return np.tanh(self.input)

    def backward(self, output_gradient, learning_rate):
        slope = 1 - np.tanh(self.input) ** 2
        return output_gradient * slope


def mse(y_true, y_pred):
    return np.mean(np.power(y_true - y_pred, 2))


def mse_prime(y_true, y_pred):
    return 2 * (y_pred - y_true) / np.size(y_true)


class Model:
    def __init__(self, sizes):
        self.layers = []
        for n_in, n_out in zip(sizes[:-1], sizes[1:]):
            self.layers += [Dense(n_in, n_out), Tanh()]

    def train_step(self, x, y, learning_rate):
        """x and y are columns, one example."""
        output = x
        for layer in self.layers:
            output = layer.forward(output)
        grad = mse_prime(y, output)
        for layer in reversed(self.layers):
            grad = layer.backward(grad, learning_rate)
        return mse(y, output)
'''

DENSE_ROWS = """
import numpy as np


class Dense:
    def __init__(self, n_in, n_out, activation=None):
        self.W = np.random.randn(n_in, n_out) * 0.1
        self.b = np.zeros((1, n_out))
        self.activation = activation

    def forward(self, x):
        self.x = x
        self.z = x @ self.W + self.b
        if self.activation == "sigmoid":
            self.out = 1 / (1 + np.exp(-self.z))
        else:
            self.out = self.z
        return self.out

    def backward(self, grad, lr):
        if self.activation == "sigmoid":
            grad = grad * self.out * (1 - self.out)
        grad_input = grad @ self.W.T
        dW = self.x.T @ grad
        db = grad.sum(axis=0, keepdims=True)
        self.W -= lr * dW
        self.b -= lr * db
        return grad_input


class Model:
    def __init__(self, sizes):
        pairs = list(zip(sizes[:-1], sizes[1:]))
        self.layers = [Dense(i, o, "sigmoid") for i, o in pairs[:-1]] + [Dense(*pairs[-1])]

    def train_step(self, x, y, lr):
        out = x
        for layer in self.layers:
            out = layer.forward(out)
        loss = 0.5 * np.sum((out - y) ** 2) / len(x)
        grad = (out - y) / len(x)
        for layer in self.layers[::-1]:
            grad = layer.backward(grad, lr)
        return loss
"""

# --- 7: layers with .dweights, .dbiases, .dinputs ---------------------------------------------------

BOOK_LAYERS = """
import numpy as np


class Layer_Dense:
    def __init__(self, n_inputs, n_neurons):
        self.weights = 0.01 * np.random.randn(n_inputs, n_neurons)
        self.biases = np.zeros((1, n_neurons))

    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.dot(inputs, self.weights) + self.biases

    def backward(self, dvalues):
        self.dweights = np.dot(self.inputs.T, dvalues)
        self.dbiases = np.sum(dvalues, axis=0, keepdims=True)
        self.dinputs = np.dot(dvalues, self.weights.T)


class Activation_ReLU:
    def forward(self, inputs):
        self.inputs = inputs
        self.output = np.maximum(0, inputs)

    def backward(self, dvalues):
        self.dinputs = dvalues.copy()
        self.dinputs[self.inputs <= 0] = 0


class Softmax_CategoricalCrossentropy:
    def forward(self, inputs, y_true):
        exp_values = np.exp(inputs - np.max(inputs, axis=1, keepdims=True))
        self.output = exp_values / np.sum(exp_values, axis=1, keepdims=True)
        confidences = self.output[range(len(inputs)), y_true]
        return np.mean(-np.log(confidences))

    def backward(self, dvalues, y_true):
        samples = len(dvalues)
        self.dinputs = dvalues.copy()
        self.dinputs[range(samples), y_true] -= 1
        self.dinputs = self.dinputs / samples


class Model:
    def __init__(self, sizes):
        self.dense = [Layer_Dense(i, o) for i, o in zip(sizes[:-1], sizes[1:])]
        self.relu = [Activation_ReLU() for _ in self.dense[:-1]]
        self.loss = Softmax_CategoricalCrossentropy()

    def forward(self, X, y):
        values = X
        for dense, relu in zip(self.dense, self.relu):
            dense.forward(values)
            relu.forward(dense.output)
            values = relu.output
        self.dense[-1].forward(values)
        return self.loss.forward(self.dense[-1].output, y)

    def backward(self, y):
        self.loss.backward(self.loss.output, y)
        self.dense[-1].backward(self.loss.dinputs)
        dvalues = self.dense[-1].dinputs
        for dense, relu in zip(self.dense[-2::-1], self.relu[::-1]):
            relu.backward(dvalues)
            dense.backward(relu.dinputs)
            dvalues = dense.dinputs
"""

BOOK_SOFTMAX = '''
import numpy as np


class Linear:
    def __init__(self, n_in, n_out):
        self.weights = np.random.randn(n_in, n_out)
        self.biases = np.zeros(n_out)

    def forward(self, inputs):
        self.inputs = inputs
        self.output = inputs @ self.weights + self.biases
        return self.output

    def backward(self, dvalues):
        self.dweights = self.inputs.T @ dvalues
        self.dbiases = dvalues.sum(axis=0)
        self.dinputs = dvalues @ self.weights.T
        return self.dinputs


class Sigmoid:
    def forward(self, inputs):
        self.output = 1 / (1 + np.exp(-inputs))
        return self.output

    def backward(self, dvalues):
        self.dinputs = dvalues * self.output * (1 - self.output)
        return self.dinputs


class Softmax:
    def forward(self, inputs):
        exps = np.exp(inputs - inputs.max(axis=1, keepdims=True))
        self.output = exps / exps.sum(axis=1, keepdims=True)
        return self.output

    def backward(self, dvalues):
        self.dinputs = np.zeros_like(dvalues)
        for i, (p, dvalue) in enumerate(zip(self.output, dvalues)):
            jacobian = np.diag(p) - np.outer(p, p)
            self.dinputs[i] = jacobian @ dvalue
        return self.dinputs


class CrossEntropy:
    def forward(self, predictions, targets):
        return -np.sum(targets * np.log(predictions)) / len(predictions)

    def backward(self, predictions, targets):
        self.dinputs = -targets / predictions / len(predictions)
        return self.dinputs


class Model:
    """Targets are rows with a single 1."""

    def __init__(self, sizes):
        self.dense = [Linear(i, o) for i, o in zip(sizes[:-1], sizes[1:])]
        self.activations = [Sigmoid() for _ in self.dense[1:]] + [Softmax()]
        self.cost = CrossEntropy()

    def forward(self, X, y):
        self.predictions = X
        for dense, activation in zip(self.dense, self.activations):
            self.predictions = activation.forward(dense.forward(self.predictions))
        return self.cost.forward(self.predictions, y)

    def backward(self, y):
        grad = self.cost.backward(self.predictions, y)
        for dense, activation in zip(reversed(self.dense), reversed(self.activations)):
            grad = dense.backward(activation.backward(grad))
'''

# --- 8: nnCostFunction of one unrolled vector -------------------------------------------------------

COURSERA = """
import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def sigmoidGradient(z):
    g = sigmoid(z)
    return g * (1 - g)


def nnCostFunction(nn_params, input_layer_size, hidden_layer_size, num_labels, X, y, lambda_=0.0):
    split = hidden_layer_size * (input_layer_size + 1)
    Theta1 = nn_params[:split].reshape(hidden_layer_size, input_layer_size + 1)
    Theta2 = nn_params[split:].reshape(num_labels, hidden_layer_size + 1)
    m = X.shape[0]
    Y = np.eye(num_labels)[y]

    a1 = np.hstack([np.ones((m, 1)), X])
    z2 = a1 @ Theta1.T
    a2 = np.hstack([np.ones((m, 1)), sigmoid(z2)])
    z3 = a2 @ Theta2.T
    h = sigmoid(z3)

    J = np.sum(-Y * np.log(h) - (1 - Y) * np.log(1 - h)) / m
    J += lambda_ / (2 * m) * (np.sum(Theta1[:, 1:] ** 2) + np.sum(Theta2[:, 1:] ** 2))

    d3 = h - Y
    d2 = (d3 @ Theta2[:, 1:]) * sigmoidGradient(z2)
    Theta1_grad = d2.T @ a1 / m
    Theta2_grad = d3.T @ a2 / m
    Theta1_grad[:, 1:] += lambda_ / m * Theta1[:, 1:]
    Theta2_grad[:, 1:] += lambda_ / m * Theta2[:, 1:]
    return J, np.concatenate([Theta1_grad.ravel(), Theta2_grad.ravel()])
"""

COURSERA_LOOP = '''
import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def nnCostFunction(nn_params, input_layer_size, hidden_layer_size, num_labels, X, y, lambda_=0.0):
    """The same example by example, with accumulators."""
    n1 = hidden_layer_size * (input_layer_size + 1)
    Theta1 = np.reshape(nn_params[:n1], (hidden_layer_size, input_layer_size + 1))
    Theta2 = np.reshape(nn_params[n1:], (num_labels, hidden_layer_size + 1))
    m = len(X)
    J = 0.0
    Delta1 = np.zeros(Theta1.shape)
    Delta2 = np.zeros(Theta2.shape)
    for t in range(m):
        a1 = np.concatenate([[1.0], X[t]])
        z2 = Theta1 @ a1
        s2 = sigmoid(z2)
        a2 = np.concatenate([[1.0], s2])
        a3 = sigmoid(Theta2 @ a2)
        yt = np.zeros(num_labels)
        yt[y[t]] = 1
        J -= np.sum(yt * np.log(a3) + (1 - yt) * np.log(1 - a3))
        delta3 = a3 - yt
        delta2 = Theta2[:, 1:].T @ delta3
        delta2 = delta2 * s2 * (1 - s2)
        Delta2 += np.outer(delta3, a2)
        Delta1 += np.outer(delta2, a1)
    D1, D2 = Delta1 / m, Delta2 / m
    D1[:, 1:] += lambda_ / m * Theta1[:, 1:]
    D2[:, 1:] += lambda_ / m * Theta2[:, 1:]
    J = J / m + lambda_ / (2 * m) * (np.sum(Theta1[:, 1:] ** 2) + np.sum(Theta2[:, 1:] ** 2))
    return J, np.concatenate((D1.flatten(), D2.flatten()))
'''

# --- 0: a plain function ----------------------------------------------------------------------------

PLAIN_ROWS = """
import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def dsigmoid(z):
    return sigmoid(z) * (1 - sigmoid(z))


def backprop(weights, biases, x, y):
    n = len(x)
    L = len(weights)
    a, z = {0: x}, {}
    for l in range(1, L + 1):
        z[l] = a[l - 1] @ weights[l - 1] + biases[l - 1]
        a[l] = sigmoid(z[l])
    dW, db = [None] * L, [None] * L
    delta = (a[L] - y) / n * dsigmoid(z[L])
    for l in range(L, 0, -1):
        dW[l - 1] = a[l - 1].T @ delta
        db[l - 1] = delta.sum(axis=0)
        if l > 1:
            delta = delta @ weights[l - 1].T
            delta = delta * dsigmoid(z[l - 1])
    return dW, db
"""

PLAIN_ROWS_SUM = '''
import numpy as np


def backprop(weights, biases, x, y):
    """Tanh layers and a linear output; C is the sum of the squares, with no half and no mean."""
    hs = [x]
    for W, b in zip(weights[:-1], biases[:-1]):
        hs.append(np.tanh(hs[-1] @ W + b))
    prediction = hs[-1] @ weights[-1] + biases[-1]
    grad = 2 * (prediction - y)
    grads_W, grads_b = [], []
    for i in reversed(range(len(weights))):
        grads_W.append(hs[i].T @ grad)
        grads_b.append(np.sum(grad, axis=0))
        if i > 0:
            grad = grad @ weights[i].T
            grad = grad * (1 - hs[i] ** 2)
    return grads_W[::-1], grads_b[::-1]
'''

PLAIN_COLUMNS = '''
import numpy as np


def tanh_prime(z):
    return 1 - np.tanh(z) ** 2


def sigma(z):
    return 1 / (1 + np.exp(-z))


def backprop(weights, biases, x, y):
    """Columns are examples; biases are columns too; each gradient is divided by their number at the end."""
    m = x.shape[1]
    L = len(weights)
    As, Zs = [x], []
    for l in range(L):
        Zs.append(weights[l] @ As[l] + biases[l])
        As.append(np.tanh(Zs[l]) if l < L - 1 else sigma(Zs[l]))
    deltas = [None] * L
    deltas[L - 1] = (As[L] - y) * As[L] * (1 - As[L])
    for l in range(L - 2, -1, -1):
        deltas[l] = weights[l + 1].T @ deltas[l + 1] * tanh_prime(Zs[l])
    gradients_b = [deltas[l].sum(axis=1, keepdims=True) / m for l in range(L)]
    gradients_w = [deltas[l] @ As[l].T / m for l in range(L)]
    return gradients_w, gradients_b
'''

PLAIN_DESCENT = '''
import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def backprop(weights, biases, x, y):
    """What to add to the weights and biases: the error is target minus output. Columns are examples."""
    outputs = [x]
    for W, b in zip(weights, biases):
        outputs.append(sigmoid(W.dot(outputs[-1]) + b))
    error = y - outputs[-1]
    steps_w, steps_b = [], []
    for l in range(len(weights), 0, -1):
        out = outputs[l]
        delta = error * out * (1 - out)
        steps_w.insert(0, delta.dot(outputs[l - 1].T))
        steps_b.insert(0, np.sum(delta, axis=1, keepdims=True))
        error = weights[l - 1].T.dot(delta)
    return steps_w, steps_b
'''

PLAIN_DICT = '''
import numpy as np


def softmax(z):
    e = np.exp(z - np.max(z, axis=1, keepdims=True))
    return e / np.sum(e, axis=1, keepdims=True)


def backprop(weights, biases, x, y):
    """Two layers or more of tanh and softmax; y holds rows with a single 1; the gradients in a dictionary."""
    activations = [x]
    for i in range(len(weights)):
        z = activations[-1] @ weights[i] + biases[i]
        activations.append(softmax(z) if i == len(weights) - 1 else np.tanh(z))
    grads = {}
    delta = (activations[-1] - y) / y.shape[0]
    for i in range(len(weights), 0, -1):
        grads["dW" + str(i)] = activations[i - 1].T @ delta
        grads["db" + str(i)] = np.sum(delta, axis=0)
        slope = 1 - activations[i - 1] ** 2
        delta = (delta @ weights[i - 1].T) * slope
    return grads
'''

# --- 9: a script with += ----------------------------------------------------------------------------

SCRIPT = '''
import numpy as np


def nonlin(x, deriv=False):
    if deriv:
        return x * (1 - x)
    return 1 / (1 + np.exp(-x))


def train(X, y, syn0, bias0, syn1, bias1, alpha):
    """One step of gradient descent; the arrays are changed in place."""
    l0 = X
    l1 = nonlin(np.dot(l0, syn0) + bias0)
    l2 = nonlin(np.dot(l1, syn1) + bias1)
    l2_error = y - l2
    l2_delta = l2_error * nonlin(l2, deriv=True)
    l1_error = l2_delta.dot(syn1.T)
    l1_delta = l1_error * nonlin(l1, deriv=True)
    syn1 += alpha * l1.T.dot(l2_delta)
    bias1 += alpha * np.sum(l2_delta, axis=0)
    syn0 += alpha * l0.T.dot(l1_delta)
    bias0 += alpha * np.sum(l1_delta, axis=0)
'''


# --- how each form is run ---------------------------------------------------------------------------

Arrays = Sequence[Any]
LEARNING_RATE = 0.5  # for the forms that update: the gradient is (before - after) / LEARNING_RATE


class Outcome(NamedTuple):
    """What one run gave, in the library's layout: weights (n_in, n_out), biases (n_out,)."""

    grad_weights: list[Any]
    grad_biases: list[Any] | None  # None where the form has no biases
    cost: float | None  # where the form returns one
    changed: bool  # whether an array handed in, which the form has no business to change, was changed


Call = Callable[[Arrays, Arrays, Any, Any], Outcome]


class Handed:
    """Arrays handed to a student's function, and whether they still are what they were."""

    def __init__(self, *arrays: Any) -> None:
        self.arrays, self.before = arrays, [np.copy(array) for array in arrays]

    def changed(self) -> bool:
        return not all(map(np.array_equal, self.arrays, self.before))


def columns(weights: Arrays, biases: Arrays) -> tuple[list[Any], list[Any]]:
    """Nielsen's layout: weights (n_out, n_in), biases (n_out, 1); new arrays."""
    return [W.T.copy() for W in weights], [b.reshape(-1, 1).copy() for b in biases]


def rows(weights: Arrays, biases: Arrays) -> tuple[list[Any], list[Any]]:
    return [W.copy() for W in weights], [b.copy() for b in biases]


def flat(biases: Arrays) -> list[Any]:
    """Biases of shape (n_out, 1) or (1, n_out) as (n_out,); of any other shape as they are."""
    return [np.ravel(b) if np.ndim(b) == 2 and 1 in np.shape(b) else np.asarray(b) for b in biases]


def transposed(weights: Arrays) -> list[Any]:
    return [np.transpose(W) for W in weights]


def sizes_of(weights: Arrays) -> list[int]:
    return [len(weights[0]), *(W.shape[1] for W in weights)]


def mean_of(outcomes: list[Outcome]) -> Outcome:
    """The mean over examples that were run one by one."""
    costs = [o.cost for o in outcomes if o.cost is not None]
    return Outcome(
        [sum(parts) / len(outcomes) for parts in zip(*(o.grad_weights for o in outcomes), strict=True)],
        [sum(parts) / len(outcomes) for parts in zip(*(o.grad_biases or [] for o in outcomes), strict=True)],
        sum(costs) / len(costs) if costs else None,
        any(o.changed for o in outcomes),
    )


def network_in_columns(entry: Any, *, single: bool, weights_first: bool = False) -> Call:
    made: list[Any] = []  # one object for all calls, as a student has it

    def once(weights: Arrays, biases: Arrays, x: Any, y: Any) -> Outcome:
        network = made[0]
        network.weights, network.biases = columns(weights, biases)
        handed = Handed(*network.weights, *network.biases, x, y)
        b, w = network.backprop(x, y)[:: -1 if weights_first else 1]
        return Outcome(transposed(w), flat(b), None, handed.changed())

    def call(weights: Arrays, biases: Arrays, x: Any, y: Any) -> Outcome:
        if not made:
            made.append(entry(sizes_of(weights)))
        if not single:
            return once(weights, biases, x.T.copy(), y.T.copy())
        pairs = zip(x, y, strict=True)
        return mean_of([once(weights, biases, x_i[:, None].copy(), y_i[:, None].copy()) for x_i, y_i in pairs])

    return call


def nielsen(entry: Any) -> Call:
    return network_in_columns(entry, single=True)


def nielsen_batch(entry: Any) -> Call:
    return network_in_columns(entry, single=False)


def nielsen_weights_first(entry: Any) -> Call:
    return network_in_columns(entry, single=True, weights_first=True)


def welch(entry: Any) -> Call:
    made: list[Any] = []

    def call(weights: Arrays, biases: Arrays, x: Any, y: Any) -> Outcome:
        if not made:
            made.append(entry(*sizes_of(weights)))
        network, x, y = made[0], x.copy(), y.copy()
        (network.W1, network.W2), (b1, b2) = rows(weights, biases)
        has_biases = hasattr(network, "b1")
        if has_biases:
            network.b1, network.b2 = b1, b2
        handed = Handed(network.W1, network.W2, b1, b2, x, y)
        cost = float(network.costFunction(x, y))
        found = network.costFunctionPrime(x, y)
        changed = handed.changed()
        if has_biases:
            return Outcome([found[0], found[2]], flat([found[1], found[3]]), cost, changed)
        return Outcome(list(found), None, cost, changed)

    return call


def named(weights: Arrays, biases: Arrays) -> dict[str, Any]:
    """{"W1": ..., "b1": ..., "W2": ...}."""
    pairs = enumerate(zip(weights, biases, strict=True), start=1)
    return {name + str(l): array for l, both in pairs for name, array in zip("Wb", both, strict=True)}


def listed(grads: dict[str, Any], prefix: str, n_layers: int) -> list[Any]:
    return [grads[prefix + str(l)] for l in range(1, n_layers + 1)]


def planar(entry: Any) -> Call:
    def call(weights: Arrays, biases: Arrays, x: Any, y: Any) -> Outcome:
        parameters, x, y = named(*columns(weights, biases)), x.T.copy(), y.T.copy()
        handed = Handed(*parameters.values(), x, y)
        _, cache = entry.__globals__["forward_propagation"](x, parameters)
        grads = entry(parameters, cache, x, y)
        return Outcome(transposed(listed(grads, "dW", 2)), flat(listed(grads, "db", 2)), None, handed.changed())

    return call


def deep(entry: Any) -> Call:
    def call(weights: Arrays, biases: Arrays, x: Any, y: Any) -> Outcome:
        parameters, x, y = named(*columns(weights, biases)), x.T.copy(), y.T.copy()
        handed = Handed(*parameters.values(), x, y)
        output, caches = entry.__globals__["L_model_forward"](x, parameters)
        grads, L = entry(output, y, caches), len(weights)
        return Outcome(transposed(listed(grads, "dW", L)), flat(listed(grads, "db", L)), None, handed.changed())

    return call


def params_and_labels(entry: Any) -> Call:
    made: list[Any] = []

    def call(weights: Arrays, biases: Arrays, x: Any, y: Any) -> Outcome:
        if not made:
            sizes = sizes_of(weights)
            made.append(entry(*sizes) if entry.__name__ == "TwoLayerNet" else entry(sizes))
        network, x, labels = made[0], x.copy(), y.argmax(axis=1)
        network.params.update(named(*rows(weights, biases)))
        handed = Handed(*network.params.values(), x, labels)
        loss, grads = network.loss(x, labels)
        L = len(weights)
        return Outcome(listed(grads, "W", L), flat(listed(grads, "b", L)), float(loss), handed.changed())

    return call


def by_difference(before: Arrays, after: Arrays) -> list[Any]:
    return [(b - a) / LEARNING_RATE for b, a in zip(before, after, strict=True)]


def dense_columns(entry: Any) -> Call:
    made: list[Any] = []

    def once(weights: Arrays, biases: Arrays, x: Any, y: Any) -> Outcome:
        model, handed = made[0], Handed(x, y)
        dense = model.layers[::2]
        for layer, W, b in zip(dense, *columns(weights, biases), strict=True):
            layer.weights, layer.bias = W, b
        cost = float(model.train_step(x, y, LEARNING_RATE))
        return Outcome(
            by_difference(weights, [layer.weights.T for layer in dense]),
            by_difference(biases, flat([layer.bias for layer in dense])),
            cost,
            handed.changed(),
        )

    def call(weights: Arrays, biases: Arrays, x: Any, y: Any) -> Outcome:
        if not made:
            made.append(entry(sizes_of(weights)))
        pairs = zip(x, y, strict=True)
        return mean_of([once(weights, biases, x_i[:, None].copy(), y_i[:, None].copy()) for x_i, y_i in pairs])

    return call


def dense_rows(entry: Any) -> Call:
    made: list[Any] = []

    def call(weights: Arrays, biases: Arrays, x: Any, y: Any) -> Outcome:
        if not made:
            made.append(entry(sizes_of(weights)))
        model, x, y = made[0], x.copy(), y.copy()
        handed = Handed(x, y)
        for layer, W, b in zip(model.layers, *rows(weights, biases), strict=True):
            layer.W, layer.b = W, b.reshape(1, -1)
        cost = float(model.train_step(x, y, LEARNING_RATE))
        return Outcome(
            by_difference(weights, [layer.W for layer in model.layers]),
            by_difference(biases, flat([layer.b for layer in model.layers])),
            cost,
            handed.changed(),
        )

    return call


def layers_with_dweights(entry: Any, *, labels: bool) -> Call:
    made: list[Any] = []

    def call(weights: Arrays, biases: Arrays, x: Any, y: Any) -> Outcome:
        if not made:
            made.append(entry(sizes_of(weights)))
        model, x, targets = made[0], x.copy(), y.argmax(axis=1) if labels else y.copy()
        new_weights, new_biases = rows(weights, biases)
        for layer, W, b in zip(model.dense, new_weights, new_biases, strict=True):
            layer.weights, layer.biases = W, b.reshape(layer.biases.shape)
        handed = Handed(*new_weights, *new_biases, x, targets)
        cost = float(model.forward(x, targets))
        model.backward(targets)
        found = [layer.dweights for layer in model.dense], flat([layer.dbiases for layer in model.dense])
        return Outcome(*found, cost, handed.changed())

    return call


def book_layers(entry: Any) -> Call:
    return layers_with_dweights(entry, labels=True)


def book_softmax(entry: Any) -> Call:
    return layers_with_dweights(entry, labels=False)


def unrolled(entry: Any) -> Call:
    def call(weights: Arrays, biases: Arrays, x: Any, y: Any) -> Outcome:
        thetas = [np.column_stack([b, W.T]) for W, b in zip(weights, biases, strict=True)]
        params, x, labels = np.concatenate([theta.ravel() for theta in thetas]), x.copy(), y.argmax(axis=1)
        handed = Handed(params, x, labels)
        cost, gradient = entry(params, *sizes_of(weights), x, labels)
        parts = np.split(np.asarray(gradient), [thetas[0].size])
        grads = [part.reshape(theta.shape) for part, theta in zip(parts, thetas, strict=True)]
        return Outcome([g[:, 1:].T for g in grads], [g[:, 0] for g in grads], float(cost), handed.changed())

    return call


def plain(entry: Any, *, in_columns: bool) -> Call:
    def call(weights: Arrays, biases: Arrays, x: Any, y: Any) -> Outcome:
        new_weights, new_biases = (columns if in_columns else rows)(weights, biases)
        x, y = (x.T.copy(), y.T.copy()) if in_columns else (x.copy(), y.copy())
        handed = Handed(*new_weights, *new_biases, x, y)
        found = entry(new_weights, new_biases, x, y)
        if isinstance(found, dict):
            found = listed(found, "dW", len(weights)), listed(found, "db", len(weights))
        w, b = found
        return Outcome(transposed(w) if in_columns else list(w), flat(b), None, handed.changed())

    return call


def plain_rows(entry: Any) -> Call:
    return plain(entry, in_columns=False)


def plain_columns(entry: Any) -> Call:
    return plain(entry, in_columns=True)


def script(entry: Any) -> Call:
    def call(weights: Arrays, biases: Arrays, x: Any, y: Any) -> Outcome:
        (syn0, syn1), (bias0, bias1) = rows(weights, biases)
        x, y = x.copy(), y.copy()
        handed = Handed(x, y)
        entry(x, y, syn0, bias0, syn1, bias1, LEARNING_RATE)
        found = by_difference(weights, [syn0, syn1]), by_difference(biases, [bias0, bias1])
        return Outcome(*found, None, handed.changed())

    return call


# --- the list ---------------------------------------------------------------------------------------


class Right(NamedTuple):
    """A right implementation and what it takes for granted."""

    source: str
    entry: str  # the name of its function or class
    form: int
    drive: Callable[[Any], Call]
    activation: str
    output: str
    cost: str
    layout: str  # "rows" or "columns"
    batch: str = "batch"  # or "single": one example at a time
    n_layers: int | None = None  # None: any number
    biases: bool = True
    targets: str = "numbers"  # what y holds: numbers in (0, 1), or "classes", one to a row
    over_batch: str = "mean"  # or "sum"
    over_outputs: str = "sum"  # or "mean", as in NumPy's mean of all squares
    half: bool = True  # False: a quadratic cost without its ½
    sign: int = 1  # -1: the descent direction is returned

    def factor(self, n: int, n_outputs: int) -> float:
        """What its gradients are times those of the library, for n examples."""
        over_batch = n if self.over_batch == "sum" else 1
        over_outputs = 1 / n_outputs if self.over_outputs == "mean" else 1
        return over_batch * over_outputs * (1 if self.half else 2) * self.sign


RIGHT: dict[str, Right] = {
    "nielsen": Right(NIELSEN, "Network", 1, nielsen, "sigmoid", "sigmoid", "quadratic", "columns", batch="single"),
    "nielsen_batch": Right(
        NIELSEN_BATCH, "Network", 1, nielsen_batch, "sigmoid", "sigmoid", "quadratic", "columns", over_batch="sum"
    ),
    "nielsen_cross_entropy": Right(
        NIELSEN_CROSS_ENTROPY, "Net", 1, nielsen_weights_first, "sigmoid", "sigmoid", "binary_cross_entropy",
        "columns", batch="single",
    ),
    "welch": Right(
        WELCH, "Neural_Network", 2, welch, "sigmoid", "sigmoid", "quadratic", "rows",
        n_layers=2, biases=False, over_batch="sum",
    ),
    "welch_biases": Right(
        WELCH_BIASES, "NeuralNetwork", 2, welch, "tanh", "identity", "quadratic", "rows", n_layers=2
    ),
    "planar": Right(
        PLANAR, "backward_propagation", 3, planar, "tanh", "sigmoid", "binary_cross_entropy", "columns", n_layers=2
    ),
    "deep": Right(DEEP, "L_model_backward", 4, deep, "relu", "sigmoid", "binary_cross_entropy", "columns"),
    "two_layer_net": Right(
        TWO_LAYER_NET, "TwoLayerNet", 5, params_and_labels, "relu", "softmax", "cross_entropy", "rows",
        n_layers=2, targets="classes",
    ),
    "fully_connected": Right(
        FULLY_CONNECTED, "FullyConnectedNet", 5, params_and_labels, "relu", "softmax", "cross_entropy", "rows",
        targets="classes",
    ),
    "dense_columns": Right(
        DENSE_COLUMNS, "Model", 6, dense_columns, "tanh", "tanh", "quadratic", "columns",
        batch="single", over_outputs="mean", half=False,
    ),
    "dense_rows": Right(DENSE_ROWS, "Model", 6, dense_rows, "sigmoid", "identity", "quadratic", "rows"),
    "book_layers": Right(
        BOOK_LAYERS, "Model", 7, book_layers, "relu", "softmax", "cross_entropy", "rows", targets="classes"
    ),
    "book_softmax": Right(
        BOOK_SOFTMAX, "Model", 7, book_softmax, "sigmoid", "softmax", "cross_entropy", "rows", targets="classes"
    ),
    "coursera": Right(
        COURSERA, "nnCostFunction", 8, unrolled, "sigmoid", "sigmoid", "binary_cross_entropy", "rows",
        n_layers=2, targets="classes",
    ),
    "coursera_loop": Right(
        COURSERA_LOOP, "nnCostFunction", 8, unrolled, "sigmoid", "sigmoid", "binary_cross_entropy", "rows",
        n_layers=2, targets="classes",
    ),
    "plain_rows": Right(PLAIN_ROWS, "backprop", 0, plain_rows, "sigmoid", "sigmoid", "quadratic", "rows"),
    "plain_rows_sum": Right(
        PLAIN_ROWS_SUM, "backprop", 0, plain_rows, "tanh", "identity", "quadratic", "rows",
        over_batch="sum", half=False,
    ),
    "plain_columns": Right(PLAIN_COLUMNS, "backprop", 0, plain_columns, "tanh", "sigmoid", "quadratic", "columns"),
    "plain_descent": Right(
        PLAIN_DESCENT, "backprop", 0, plain_columns, "sigmoid", "sigmoid", "quadratic", "columns",
        over_batch="sum", sign=-1,
    ),
    "plain_dict": Right(
        PLAIN_DICT, "backprop", 0, plain_rows, "tanh", "softmax", "cross_entropy", "rows", targets="classes"
    ),
    "script": Right(
        SCRIPT, "train", 9, script, "sigmoid", "sigmoid", "quadratic", "rows", n_layers=2, over_batch="sum"
    ),
}  # fmt: skip


@functools.cache
def compiled(source: str, name: str) -> Any:
    return compile(source, f"<{name}>", "exec")


def caller(name: str, source: str | None = None) -> Call:
    """A function of (weights, biases, x, y), all in the library's layout, that runs the implementation `name`.

    `source` is another text for it, such as one with a mistake in it.
    """
    right = RIGHT[name]
    namespace: dict[str, Any] = {"__name__": name}
    exec(compiled(source or right.source, name), namespace)
    return right.drive(namespace[right.entry])


class Problem(NamedTuple):
    """A network, a batch and its targets, in the library's layout."""

    weights: list[Any]
    biases: list[Any]
    x: Any
    y: Any


def random_problem(
    name: str, rng: np.random.Generator, *, square: bool = False, n: int | None = None, n_layers: int | None = None
) -> Problem:
    """A network that hides nothing: distinct widths, biases that are not zero, n unlike every width, no saturation.

    With `square`, all layers have one width.
    """
    right = RIGHT[name]
    L = right.n_layers or n_layers or int(rng.integers(2, 5))
    widths = [int(k) for k in rng.permutation(np.arange(2, 9))[: L + 2]]
    sizes = [widths[0]] * (L + 1) if square else widths[: L + 1]
    n = n or widths[-1]
    weights = [rng.normal(size=pair) / np.sqrt(pair[0]) for pair in itertools.pairwise(sizes)]
    biases = [rng.normal(size=k) * (0.5 if right.biases else 0.0) for k in sizes[1:]]
    x = rng.normal(size=(n, sizes[0]))
    y = rng.uniform(0.1, 0.9, size=(n, sizes[-1]))
    if right.targets == "classes":
        y = np.eye(sizes[-1])[rng.integers(sizes[-1], size=n)]
    return Problem(weights, biases, x, y)
