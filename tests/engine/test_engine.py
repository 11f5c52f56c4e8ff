"""Recording and the backward pass: the known traps, one named test each, and the errors."""

import asyncio
import copy
import gc
import operator
import pickle
import threading
import tracemalloc
import weakref

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import engine
from tinygrad_edu.engine import ancestors, gradients


def leaf(value, **kwargs):
    return tg.Tensor(value, requires_grad=True, **kwargs)


def test_micrograds_worked_example():
    """The values printed in the README of micrograd, to its four decimals."""
    a, b = leaf(-4.0), leaf(2.0)
    c = a + b
    d = a * b + b**3
    c = c + c + 1
    c = c + 1 + c + (-a)
    d = d + d * 2 + tg.relu(b + a)
    d = d + 3 * d + tg.relu(b - a)
    e = c - d
    f = e**2
    g = f / 2.0
    g = g + 10.0 / f
    g.backward()
    assert [f"{v:.4f}" for v in (g.item(), a.grad, b.grad)] == ["24.7041", "138.8338", "645.5773"]


# --- The traps that others fell into ----------------------------------------------------------------------


def test_trap_doubling_is_not_exponential():
    x = leaf(1.0)
    y = x
    for _ in range(60):
        y = y + y
    y.backward()
    assert x.grad == 2.0**60


def test_trap_a_long_chain_does_not_recurse():
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y + 1.0
    y.backward()
    assert x.grad == 1
    assert len(ancestors(y)) == 100_001


def test_trap_a_gradient_that_two_parents_share_is_not_added_into():
    a, b = leaf(np.ones(2)), leaf(np.ones(2))
    s = a + b  # both receive the same array
    (s * 3 + a).sum().backward()
    assert a.grad.tolist() == [4, 4]
    assert b.grad.tolist() == [3, 3]


def test_trap_two_leaves_never_hold_one_array():
    a, b = leaf(np.ones(2)), leaf(np.ones(2))
    (a + b).sum().backward()
    a.grad[0] = 7
    assert b.grad.tolist() == [1, 1]


def test_trap_the_gradient_of_a_sum_is_writable():
    a = leaf(np.ones((2, 2)))
    a.sum().backward()
    a.grad += 1
    np.broadcast_to(leaf(1.0), (3,)).sum().backward()
    assert a.grad.tolist() == [[2, 2], [2, 2]]


def test_trap_the_seed_is_not_aliased():
    a, seed = leaf(np.ones(2)), np.ones(2)
    (+a).backward(seed)
    a.backward(seed)
    seed[0] = 100
    a.grad[1] = -1
    assert a.grad.tolist() == [2, -1]
    assert seed.tolist() == [100, 1]


def test_trap_a_function_without_a_rule_raises():
    with pytest.raises(TypeError, match=r"np\.i0 has no derivative rule.*tg\.defvjp\(np\.i0"):
        np.i0(leaf([1.0, 2.0]))
    with pytest.raises(TypeError, match=r"np\.linalg\.eig has no derivative rule"):
        np.linalg.eig(leaf(np.eye(2)))
    with pytest.raises(TypeError, match=r"np\.fft\.fft has no derivative rule"):
        np.fft.fft(leaf([1.0, 2.0]))


@pytest.mark.parametrize("array", [np.ones(2), np.float64(1.0), np.ones((2, 2))])
@pytest.mark.parametrize("op", [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow])
def test_trap_an_array_on_the_left_is_no_object_array(array, op):
    t = leaf([1.0, 2.0])
    y = op(array, t)
    assert isinstance(y, tg.Tensor)
    assert y.dtype == np.float64
    np.testing.assert_allclose(y.numpy(), op(array, t.numpy()))


def test_trap_a_matrix_on_the_left():
    y = np.ones((3, 2)) @ leaf([1.0, 2.0])
    assert isinstance(y, tg.Tensor)
    assert y.shape == (3,)


def test_trap_a_second_backward_is_not_disturbed_by_the_first():
    x = leaf(3.0)
    y = x * x
    z = y * y
    z.backward()
    assert x.grad == 108
    x.zero_grad()
    z.backward()
    assert x.grad == 108
    y.backward()
    assert x.grad == 114  # accumulated: 108 + 6
    assert y.grad is None
    assert z.grad is None


def test_trap_float_and_assignment_do_not_cut_the_graph():
    t = leaf([1.0, 2.0])
    with pytest.raises(TypeError, match=r"float\(t\) would silently cut the graph.*t\.item\(\)"):
        float(t[0])
    array = np.zeros(2)
    with pytest.raises((TypeError, ValueError)):
        array[0] = t[0]
    with pytest.raises(TypeError, match=r"t\.numpy\(\).*t\.detach\(\).*np\.stack"):
        array[:] = t
    with pytest.raises(TypeError, match=r"np\.stack"):
        np.array([t, t])
    with pytest.raises(TypeError, match=r"np\.stack"):
        operator.add(t, [t, t])
    assert f"{t[1]:.2f}" == "2.00"
    assert t[1].item() == 2.0


def test_trap_targets_that_would_broadcast_to_n_by_n():
    with pytest.raises(ValueError, match=r"targets have shape \(3,\), outputs \(3, 1\).*y\[:, None\]"):
        tg.costs.quadratic(leaf(np.ones((3, 1))), np.ones(3))


@pytest.mark.parametrize(
    ("a", "b"), [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((4, 2, 3), (3,)), ((3,), (4, 3, 2))]
)
@pytest.mark.parametrize("product", [np.matmul, np.dot])
def test_trap_vectors_in_a_matrix_product(product, a, b):
    if product is np.dot and b == (4, 3, 2):
        b = (3, 2)  # dot sums over another axis there
    rng = np.random.default_rng(0)
    x, y = leaf(rng.normal(size=a)), leaf(rng.normal(size=b))
    product(x, y).sum().backward()
    assert x.grad.shape == a
    assert y.grad.shape == b
    step = 1e-6 * rng.normal(size=a)
    change = product(x.numpy() + step, y.numpy()).sum() - product(x.numpy(), y.numpy()).sum()
    np.testing.assert_allclose(np.sum(x.grad * step), change, rtol=1e-6)


def test_trap_tensors_are_hashable_and_equal_elementwise():
    a, b = leaf([1.0, 2.0]), leaf([1.0, 3.0])
    assert (a == b).tolist() == [True, False]
    assert len({a, b, a}) == 2
    assert {a: 1}[a] == 1


def test_trap_where_masks_its_gradient():
    x = leaf([-1.0, 0.0, 4.0])
    safe = np.where(x > 0, x, 1.0)
    np.where(x > 0, np.sqrt(safe), 0.0).sum().backward()
    assert x.grad.tolist() == [0, 0, 0.25]
    x.zero_grad()
    np.where(x > 0, x, 0.0).sum().backward(np.inf)  # 0 · ∞ would be NaN
    assert x.grad.tolist() == [0, 0, np.inf]


# --- Size and memory --------------------------------------------------------------------------------------


def test_a_wide_fan_in():
    xs = [leaf(float(i)) for i in range(1000)]
    np.sum(np.stack(xs) ** 2).backward()
    assert [x.grad for x in xs] == [2.0 * i for i in range(1000)]
    x = leaf(2.0)
    sum((x * i for i in range(1000)), start=0.0).backward()
    assert x.grad == sum(range(1000))


def test_dropping_the_result_frees_the_graph_without_the_garbage_collector():
    gc.collect()
    gc.disable()
    try:
        x = leaf(np.ones(100))
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        y = x
        for _ in range(10_000):
            y = np.tanh(y) * 0.5
        loss = y.sum()
        loss.backward()
        watched = weakref.ref(y)
        assert tracemalloc.get_traced_memory()[0] - before > 10_000 * 800
        del y, loss
        assert watched() is None
        x.grad = None
        assert tracemalloc.get_traced_memory()[0] - before < 1_000_000
    finally:
        tracemalloc.stop()
        gc.enable()


# --- Gradients --------------------------------------------------------------------------------------------


def test_gradients_at_intermediate_nodes():
    x = leaf([1.0, 2.0])
    z = x * 3
    a = np.tanh(z)
    loss = (a * a).sum()
    found = gradients(loss, np.ones(()), {z, a, x})
    np.testing.assert_allclose(found[a], 2 * a.numpy())
    np.testing.assert_allclose(found[z], 2 * a.numpy() * (1 - a.numpy() ** 2))
    np.testing.assert_allclose(found[x], 3 * found[z])
    assert z.grad is None


def test_a_leaf_that_requires_no_gradient_any_more_gets_none():
    x, w = leaf(2.0), leaf(3.0)
    y = x * w
    w.requires_grad = False
    y.backward()
    assert x.grad == 3
    assert w.grad is None
    assert gradients(tg.Tensor(1.0), np.ones(())) == {}


def test_gradients_at_a_node_the_root_does_not_depend_on():
    x, other = leaf(1.0), leaf(2.0)
    assert gradients(x * 2, np.ones(()), {other}) == {}


def test_only_rules_on_the_way_to_a_target_are_run(monkeypatch):
    def forbidden(g, y, a, b):
        raise AssertionError

    x, w = leaf(np.ones((2, 2))), leaf(np.ones((2, 2)))
    y = (x @ w).sum()
    rules = list(engine.RULES[np.matmul])
    rules[1] = forbidden
    monkeypatch.setitem(engine.RULES, np.matmul, tuple(rules))
    assert gradients(y, np.ones(()), {x})[x].tolist() == [[2, 2], [2, 2]]


def test_integers_become_float64_and_float32_stays():
    assert leaf([1, 2]).dtype == np.float64
    x = leaf(np.ones(2, np.float32))
    (x * np.arange(2.0)).sum().backward()  # float64 in between
    assert x.grad.dtype == np.float32


def test_backward_of_a_vector_with_a_gradient():
    x = leaf([1.0, 2.0])
    (x**2).backward([1.0, 10.0])
    assert x.grad.tolist() == [2, 40]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda t: (t * 1).backward(), ValueError, r"shape \(2, 3\).*\.sum\(\) or \.mean\(\).*gradient= of shape \(2, 3\)"),
        (lambda t: (t * 1).backward(np.ones(3)), ValueError, r"gradient has shape \(3,\), but must have \(2, 3\)"),
        (lambda t: t.detach().sum().backward(), TypeError, "nothing that this tensor was computed from has requires_grad"),
        (lambda t: t @ np.ones((2, 3)), ValueError, r"np\.matmul: arguments of shapes \(2, 3\) and \(2, 3\).*\(3\).*\(2\)"),
        (lambda t: t + np.ones(2), ValueError, r"np\.add: arguments of shapes \(2, 3\) and \(2,\) do not fit"),
        (lambda t: t.reshape(4), ValueError, r"np\.reshape: arguments of shapes \(2, 3\) do not fit: cannot reshape"),
        (lambda t: bool(t), ValueError, r"truth value of a tensor of shape \(2, 3\) is ambiguous.*np\.any"),
        (lambda t: t.__setitem__(0, 1.0), TypeError, r"t\[i\] = v.*np\.where\(mask, v, t\)"),
        (lambda t: np.add(t, 1, out=np.zeros((2, 3))), TypeError, r"np\.add: out= would overwrite"),
        (lambda t: np.sum(t, out=np.zeros(())), TypeError, r"np\.sum: out= would overwrite"),
        (lambda t: np.zeros((2, 3)).__iadd__(t), TypeError, "out= would overwrite"),
        (lambda t: np.sum(t, 0, np.float64), TypeError, r"np\.sum: tensors do not know the option dtype=float64 \(.*astype"),
        (lambda t: np.sum(t, where=np.ones((2, 3), bool)), TypeError, r"np\.sum: tensors do not know the option where=.*np\.where"),
        (lambda t: np.add.accumulate(t), TypeError, r"np\.add\.accumulate has no derivative rule"),
        (lambda t: np.where(t, 1.0, 2.0), TypeError, r"np\.where: argument 0 requires a gradient"),
        (lambda t: t[5], IndexError, "out of bounds"),
        (lambda t: len(t.sum()), TypeError, "0-d tensor"),
        (lambda t: tg.Tensor([1j]), TypeError, "complex data are not supported"),
        (lambda t: t * 1j, TypeError, r"np\.multiply: argument 1 is complex"),
        (lambda t: np.ones((2, 3)) * 1j + t, TypeError, r"np\.add: argument 0 is complex"),
        (lambda t: t.astype(complex), TypeError, "complex tensors are not supported"),
        (lambda t: tg.Tensor(["a"]), TypeError, "data must be numbers"),
        (lambda t: setattr(t, "data", np.ones(2)), ValueError, r"new value has shape \(2,\), the tensor \(2, 3\)"),
        (lambda t: setattr(t * 2, "data", np.ones((2, 3))), TypeError, "was computed, so its value is fixed"),
        (lambda t: int(t[0, 0]), TypeError, r"int\(t\) would silently cut"),
    ],
)  # fmt: skip
def test_bad_input_is_explained(call, error, message):
    with pytest.raises(error, match=message):
        call(leaf(np.ones((2, 3))))


# --- Constants, modes, scopes -----------------------------------------------------------------------------


def test_constants_are_not_recorded():
    t = tg.Tensor([1.0, 2.0])
    y = np.exp(t) * 2
    assert isinstance(y, tg.Tensor)
    assert y.fn is None
    assert np.asarray(t).tolist() == [1, 2]
    assert float(t[0]) == 1.0
    assert [10, 20, 30][tg.Tensor(1)] == 20


def test_comparisons_and_rounding_give_plain_arrays():
    t = leaf([-1.5, 2.5])
    for y in (t > 0, t <= t, np.sign(t), np.floor(t), np.argmax(t), t // 1, np.isnan(t), np.round(t), t != 1):
        assert not isinstance(y, tg.Tensor)
    assert np.shape(t) == (2,)
    assert t.astype(int).tolist() == [-1, 2]
    assert np.zeros_like(t).tolist() == [0, 0]


def test_no_grad_as_context_and_decorator():
    w = leaf([1.0])
    mode = tg.no_grad()
    with mode, mode:
        assert not (w * 2).requires_grad
        with engine.recording(True):
            assert (w * 2).requires_grad
    assert (w * 2).requires_grad

    @tg.no_grad()
    def f():
        return w * 2

    assert not f().requires_grad
    with pytest.raises(ZeroDivisionError), tg.no_grad():
        _ = 1 / 0
    assert (w * 2).requires_grad


def test_no_grad_and_scopes_are_per_thread():
    w, seen = leaf([1.0]), []
    with tg.no_grad(), engine.scope("outer"):
        thread = threading.Thread(target=lambda: seen.append(w * 2))
        thread.start()
        thread.join()
    assert seen[0].requires_grad
    assert seen[0].scope is None


def test_no_grad_is_per_task():
    w = leaf([1.0])

    async def quiet(started, go):
        with tg.no_grad():
            started.set()
            await go.wait()
            return (w * 2).requires_grad

    async def main():
        started, go = asyncio.Event(), asyncio.Event()
        task = asyncio.create_task(quiet(started, go))
        await started.wait()
        loud = (w * 2).requires_grad
        go.set()
        return loud, await task

    assert asyncio.run(main()) == (True, False)


def test_scopes_nest_and_are_told_apart():
    w = leaf([1.0])
    with engine.scope("layer 1"):
        a, b = tg.sigmoid(w), tg.sigmoid(w)
    assert [s.name for s in a.scope.path()] == ["layer 1", "sigmoid"]
    assert a.scope.outer is b.scope.outer
    assert a.scope != b.scope
    assert (w * 1).scope is None


def test_stop_gradient():
    x = leaf([2.0])
    (x * tg.stop_gradient(x)).sum().backward()
    assert x.grad.tolist() == [2.0]
    assert tg.stop_gradient(3.0) == 3.0


# --- The value --------------------------------------------------------------------------------------------


def test_the_callers_array_is_copied():
    array = np.ones(2)
    t = leaf(array)
    array[0] = 5
    assert t.numpy().tolist() == [1, 1]


@pytest.mark.parametrize("change", ["in place", "assigned", "through an old reference"])
def test_changing_a_leaf_after_recording_has_no_effect_on_the_gradient(change):
    w = leaf([1.0, 2.0])
    held = w.data
    loss = (w * w).sum()
    match change:
        case "in place":
            w.data *= 10
        case "assigned":
            w.data = np.array([10.0, 20.0])
        case "through an old reference":
            held *= 10
    assert w.numpy().tolist() == [10, 20]
    loss.backward()
    assert w.grad.tolist() == [2, 4]


def test_gradient_descent_as_students_write_it():
    w = leaf([1.0, 2.0])
    for _ in range(3):
        w.zero_grad()
        (w**2).sum().backward()
        w.data -= 0.5 * w.grad
    assert w.numpy().tolist() == [0, 0]


def test_the_data_of_a_computed_tensor_is_read_only():
    y = leaf([1.0]) * 2
    with pytest.raises(ValueError, match="read-only"):
        y.data[0] = 5
    copied = y.numpy()
    copied[0] = 5
    assert y.item() == 2


def test_a_detached_tensor_shares_nothing():
    w = leaf([1.0, 2.0])
    d = w.detach()
    d.data[0] = 9
    assert w.numpy().tolist() == [1, 2]


def test_numpys_methods():
    a = np.arange(6.0).reshape(2, 3)
    t = leaf(a)
    for name, args in {
        "sum": (0,), "mean": (1,), "prod": (), "max": (0,), "min": (), "var": (1,), "std": (0,), "reshape": (3, 2),
        "transpose": (1, 0), "swapaxes": (0, 1), "ravel": (), "flatten": (), "clip": (1, 3), "argmax": (1,), "argmin": (),
        "copy": (), "astype": (np.float32,), "squeeze": (), "dot": (np.ones(3),),
    }.items():  # fmt: skip
        result = getattr(t, name)(*args)
        value = result.numpy() if isinstance(result, tg.Tensor) else result
        np.testing.assert_array_equal(value, getattr(a, name)(*args), err_msg=name)
    assert t.T.shape == t.transpose().shape == t.transpose((1, 0)).shape == (3, 2)
    assert t.reshape((3, 2)).shape == (3, 2)
    assert (len(t), t.ndim, t.size) == (2, 2, 6)
    assert [row.shape for row in t] == [(3,), (3,)]


def test_operators():
    a, b = np.array([1.0, -2.0]), np.array([3.0, 4.0])
    s, t = leaf(a), leaf(b)
    for op in (operator.add, operator.sub, operator.mul, operator.truediv, operator.mod, operator.matmul):
        for left, right in ((s, t), (s, b), (a, t)):
            np.testing.assert_array_equal(op(left, right).numpy(), op(a, b))
    np.testing.assert_array_equal((2 - s).numpy(), 2 - a)
    np.testing.assert_array_equal((2 / t).numpy(), 2 / b)
    np.testing.assert_array_equal((2**t).numpy(), 2**b)
    np.testing.assert_array_equal((7 % t).numpy(), 7 % b)
    np.testing.assert_array_equal((7 // t), 7 // b)
    np.testing.assert_array_equal((-s).numpy(), -a)
    np.testing.assert_array_equal((+s).numpy(), a)
    np.testing.assert_array_equal(abs(s).numpy(), abs(a))
    assert (s**2).fn is np.square


def test_repr():
    assert repr(leaf([1.0, 2.0], name="w")) == "Tensor([1., 2.], name='w', requires_grad=True)"
    assert repr(tg.Tensor(1)) == "Tensor(1)"
    assert f"{leaf([1.0])}" == "Tensor([1.], requires_grad=True)"


@pytest.mark.parametrize("duplicate", [copy.deepcopy, copy.copy, lambda t: pickle.loads(pickle.dumps(t))])
def test_copies_and_pickles_are_leaves_of_their_own(duplicate):
    w = leaf([1.0, 2.0], name="w")
    (w * w).sum().backward()
    other = duplicate(w)
    assert (other.name, other.requires_grad, other.fn) == ("w", True, None)
    assert other.grad.tolist() == w.grad.tolist()
    other.data[0] = 9
    other.grad[0] = 9
    assert w.numpy().tolist() == [1, 2]
    assert w.grad.tolist() == [2, 4]
    computed = duplicate(w * 3)
    assert computed.numpy().tolist() == [3, 6]
    assert not computed.requires_grad


# --- Never silently wrong ---------------------------------------------------------------------------------


def gradient_after(change, record, w):
    """The gradient of what was recorded, after a change."""
    loss = record(w)
    change()
    loss.backward()
    return w.grad


@pytest.mark.parametrize("kind", ["array", "view", "slice of a larger one", "in a list", "index", "mask", "condition"])
def test_changing_the_callers_arrays_after_recording_has_no_effect(kind):
    w = leaf(np.arange(1.0, 4.0))
    x = np.array([1.0, 10.0, 100.0])
    i = np.array([0, 0, 2])
    m = np.array([True, False, True])
    match kind:
        case "array":
            record, change, expected = lambda w: (w * x).sum(), lambda: x.fill(0), [1, 10, 100]
        case "view":
            view = x[:]
            record, change, expected = lambda w: (w * view).sum(), lambda: x.fill(0), [1, 10, 100]
        case "slice of a larger one":
            big = np.concatenate([x, x])
            record, change, expected = lambda w: (big[:3] * w).sum(), lambda: big.fill(0), [1, 10, 100]
        case "in a list":
            record = lambda w: np.prod(np.concatenate([w, x]))
            change, expected = (lambda: x.fill(0)), [6000, 3000, 2000]
        case "index":
            record, change, expected = lambda w: w[i].sum(), lambda: i.fill(1), [2, 0, 1]
        case "mask":
            record, change, expected = lambda w: w[m].sum(), lambda: m.fill(False), [1, 0, 1]
        case "condition":
            record, change, expected = lambda w: np.where(m, w, 0).sum(), lambda: m.fill(False), [1, 0, 1]
    assert gradient_after(change, record, w).tolist() == expected


def test_a_view_made_before_recording_is_seen_through():
    """The array of a leaf in a graph is never handed out: `.data` gives another."""
    w = leaf([1.0, 2.0])
    y = w.reshape(2, 1)
    loss = (y * y).sum()
    w.data[:] = 100
    loss.backward()
    assert w.grad.tolist() == [2, 4]
    assert w.numpy().tolist() == [100, 100]


def test_a_view_of_a_constant_keeps_its_value():
    c = tg.Tensor([1.0, 2.0])
    flat = c.reshape(1, 2)
    w = leaf([1.0, 1.0])
    loss = (w * flat).sum()
    c.data[:] = 100
    loss.backward()
    assert w.grad.tolist() == [1, 2]


def test_an_optimiser_step_between_forward_and_backward_has_no_effect():
    net = tg.nn.MLP([2, 3, 1], rng=0)
    x, y = np.ones((2, 2)), np.ones((2, 1))
    tg.costs.quadratic(net(x), y).backward()
    first = [p.grad for p in net.parameters()]
    optimizer = tg.optim.SGD(net.parameters(), lr=1.0)
    optimizer.zero_grad()
    loss = tg.costs.quadratic(net(x), y)
    for p, g in zip(net.parameters(), first, strict=True):
        p.grad = g
    optimizer.step()
    optimizer.zero_grad()
    loss.backward()
    for p, g in zip(net.parameters(), first, strict=True):
        np.testing.assert_array_equal(p.grad, g)


def test_a_second_derivative_after_a_change_raises():
    w = leaf([1.0, 2.0], name="w")
    x = np.array([3.0, 4.0])
    _, pull_back = tg.vjp(lambda x: x * np.sin(w) * w, x)
    g = pull_back(np.ones(2))[0]
    assert isinstance(g, tg.Tensor)
    w.data *= 2
    with pytest.raises(RuntimeError, match=r"the value of w \(shape \(2,\)\) was changed after np\.\w+ was recorded"):
        pull_back(np.ones(2))
    w.data /= 2
    np.testing.assert_array_equal(pull_back(np.ones(2))[0].numpy(), g.numpy())


def test_a_read_only_array_is_copied_as_an_older_view_of_it_may_be_written_into():
    w, x = leaf(np.ones(3)), np.ones(3)
    older = x[:]
    x.flags.writeable = False
    y = w * x
    older[:] = 7
    y.sum().backward()
    assert w.grad.tolist() == [1, 1, 1]


def test_graphs_of_shared_parameters_in_several_threads():
    w = leaf(np.arange(4.0))
    results = {}

    def work(k):
        loss = np.sum(np.sin(w * k))
        results[k] = gradients(loss, np.ones(()), {w})[w]

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k, g in results.items():
        np.testing.assert_allclose(g, k * np.cos(np.arange(4.0) * k))


def test_an_exception_leaves_no_state_behind():
    w = leaf([1.0])
    with pytest.raises(ValueError, match="do not fit"), engine.scope("broken"):
        _ = w @ np.ones((2, 2))
    with pytest.raises(ValueError, match="do not fit"):
        tg.grad(lambda x: x @ np.ones((5, 5)))(np.ones(2))
    y = w * 2
    assert y.scope is None
    assert y.requires_grad


# --- detect_anomaly ---------------------------------------------------------------------------------------


def test_anomaly_forward_names_the_operation_the_ranges_and_the_line():
    x = leaf([1.0, -1.0])
    with np.errstate(all="ignore"), tg.detect_anomaly():
        y = x * 2
        with pytest.raises(
            FloatingPointError, match=r"np\.log made 1 NaN of 2 values.*values -2 to 2.*test_engine\.py"
        ):
            np.log(y)
    with np.errstate(all="ignore"):
        np.log(y)


def test_anomaly_backward_names_the_operation():
    x = leaf([0.0, 4.0])
    with np.errstate(all="ignore"), tg.detect_anomaly():
        loss = np.sqrt(x).sum()
        with pytest.raises(
            FloatingPointError, match=r"np\.sqrt sent back 1 infinite of 2.*line \d+ of .*test_engine\.py"
        ):
            loss.backward()
    assert x.grad is None


def test_anomaly_does_not_blame_operations_for_the_inputs_they_were_given():
    x = leaf([np.nan, 1.0])
    with tg.detect_anomaly():
        (x * 2).sum().backward(1.0)
    assert x.grad.tolist() == [2, 2]


# --- Rules of one's own -----------------------------------------------------------------------------------


def test_defvjp_for_a_numpy_function(table):
    x = leaf(0.3)
    with pytest.raises(TypeError, match=r"tg\.defvjp"):
        np.i0(x)
    tg.defvjp(np.i0, lambda g, y, x: g * 0.15)
    np.i0(x).backward()
    assert x.grad == 0.15
    with pytest.raises(TypeError, match=r"decorate it with @tg\.primitive"):
        tg.defvjp(lambda x: x, lambda g, y, x: g)


def test_defvjp_of_a_function_that_is_expanded_replaces_the_expansion(table):
    tg.defvjp(np.mean, lambda g, y, a: g * 100)
    x = leaf([1.0, 2.0])
    np.mean(x).backward()
    assert x.grad.tolist() == [100, 100]


def test_a_primitive_of_ones_own():
    @tg.primitive(lambda g, y, x, k=1.0: g * k / (1 + np.abs(x)) ** 2)
    def softsign(x, k=1.0):
        """Soft."""
        return k * x / (1 + np.abs(x))

    x = np.array([-1.0, 0.5])
    assert isinstance(softsign(x), np.ndarray)
    assert softsign(leaf(x)).fn is softsign
    assert softsign.__doc__ == "Soft."
    tg.check_grads(softsign, x)
    tg.check_grads(lambda x: softsign(x, k=3.0), x)

    @tg.primitive(lambda g, y, x: g * x)
    def wrong(x):
        return x**3

    with pytest.raises(AssertionError, match="order 1"):
        tg.check_grads(wrong, x)
