"""The forms in which backpropagation is written, and how a program of each is run."""

from __future__ import annotations

from typing import Any

from tinygrad_edu.diagnosis.forms.base import AddsUpError, Form, OtherFormError, UnreadableError
from tinygrad_edu.diagnosis.forms.classes import forms_of_class
from tinygrad_edu.diagnosis.forms.functions import forms_of_function
from tinygrad_edu.diagnosis.forms.layers import forms_of_layer

KNOWN = (
    "backprop(weights, biases, x, y) -> grad_weights, grad_biases; in rows or columns",
    "a class or object with weights, biases and backprop(x, y) -> nabla_b, nabla_w",
    "one with W1, W2 and costFunctionPrime(X, y) -> dJdW1, dJdW2",
    "one with a dict params and loss(X, y) -> loss, grads",
    "a class of layers with forward(x) and backward(grad, lr) or backward(dvalues)",
    "a model of such layers with train_step(x, y, lr), or forward(X, y) and backward(y)",
    "backward_propagation(parameters, cache, X, Y) -> grads",
    "L_model_backward(AL, Y, caches) -> grads",
    "affine_backward(dout, cache) -> dx, dw, db",
    "nnCostFunction(nn_params, n_in, n_hidden, n_labels, X, y, lambda_) -> J, grad",
    "train(X, y, w1, b1, w2, b2, lr), which takes a step in place",
)


def forms_of(student: Any) -> list[Form]:
    """All forms that the program can have; raises a TypeError if it has none that is known."""
    found = [*forms_of_class(student), *forms_of_layer(student)]
    if not found and callable(student) and not isinstance(student, type):
        found = list(forms_of_function(student))
    if not found:
        name = getattr(student, "__name__", type(student).__name__)
        raise TypeError(
            f"diagnose: {name} has none of the forms that are known, which are told by names of parameters and methods:"
            + "".join(f"\n- {form}" for form in KNOWN)
        )
    return found


__all__ = ["KNOWN", "AddsUpError", "Form", "OtherFormError", "UnreadableError", "forms_of"]
