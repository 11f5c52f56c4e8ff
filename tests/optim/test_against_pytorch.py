"""Optimisers and schedules, step for step as PyTorch takes them, where it is installed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_edu as tg

pytestmark = pytest.mark.peers
torch = pytest.importorskip("torch", reason="PyTorch is not installed by make; docs/benchmarks.md says why")

DECAY = st.sampled_from([0.0, 0.01, 0.5])
RATE = st.floats(1e-3, 1.0)
KINDS = {
    "SGD": st.fixed_dictionaries({"lr": RATE, "weight_decay": DECAY}),
    "SGD with momentum": st.fixed_dictionaries(
        {"lr": RATE, "weight_decay": DECAY, "momentum": st.floats(0.1, 0.99), "nesterov": st.booleans()}
    ),
    "Adam": st.fixed_dictionaries(
        {"lr": RATE, "weight_decay": DECAY, "betas": st.tuples(st.floats(0, 0.99), st.floats(0.9, 0.999))}
    ),
    "AdamW": st.fixed_dictionaries({"lr": RATE, "weight_decay": DECAY, "eps": st.sampled_from([1e-8, 1e-3])}),
    "Adagrad": st.fixed_dictionaries({"lr": RATE, "weight_decay": DECAY, "lr_decay": st.sampled_from([0.0, 0.1])}),
    "RMSprop": st.fixed_dictionaries(
        {"lr": RATE, "weight_decay": DECAY, "alpha": st.floats(0.5, 0.999), "momentum": st.sampled_from([0.0, 0.9]),
         "centered": st.booleans()}
    ),
}  # fmt: skip


def both(kind, options, seed):
    """The same two parameters with ours and theirs, and the cost Σ (A w − c)² ⊙ … of each: a random problem."""
    rng = np.random.default_rng(seed)
    name = kind.split()[0]
    start = [rng.normal(size=(3, 2)), rng.normal(size=2)]
    A, c = rng.normal(size=(4, 3)), rng.normal(size=(4, 2))
    ours = [tg.Tensor(w, requires_grad=True) for w in start]
    theirs = [torch.tensor(w, requires_grad=True) for w in start]
    cost = lambda W, b: np.sum(np.tanh(A @ W + b - c) ** 2)
    their_cost = lambda W, b: torch.sum(torch.tanh(torch.tensor(A) @ W + b - torch.tensor(c)) ** 2)
    optimizers = getattr(tg.optim, name)(ours, **options), getattr(torch.optim, name)(theirs, **options)
    return zip((ours, theirs), (cost, their_cost), optimizers, strict=True)


def steps(parameters, cost, optimizer, n, after=lambda: None):
    path = []
    for _ in range(n):
        optimizer.zero_grad()
        cost(*parameters).backward()
        optimizer.step()
        after()
        path.append([np.array(p.detach().numpy()) for p in parameters])
    return path


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15, deadline=None)
@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_every_step_is_pytorchs(kind, data, seed):
    ours, theirs = (steps(*one, n=12) for one in both(kind, data.draw(KINDS[kind]), seed))
    for mine, yours in zip(ours, theirs, strict=True):
        for w, v in zip(mine, yours, strict=True):
            np.testing.assert_allclose(w, v, rtol=1e-6, atol=1e-8)


SCHEDULES = {
    "StepLR": {"step_size": 3, "gamma": 0.5},
    "ExponentialLR": {"gamma": 0.8},
    "CosineAnnealingLR": {"T_max": 7, "eta_min": 0.01},
    "LinearLR": {"start_factor": 0.25, "total_iters": 4},
    "LambdaLR": {"lr_lambda": lambda t: 1 / (1 + t)},
}


@pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step")
@pytest.mark.parametrize("name", SCHEDULES)
def test_every_rate_is_pytorchs(name):
    def rates(module, scheduler, w, rate):
        optimizer = module.SGD([w], lr=0.4)
        schedule = scheduler(optimizer, **SCHEDULES[name])
        seen = []
        for _ in range(12):
            seen.append(rate(optimizer))
            schedule.step()
        return seen

    ours = rates(tg.optim, getattr(tg.optim, name), tg.Tensor([1.0], requires_grad=True), lambda o: o.lr)
    theirs = rates(
        torch.optim,
        getattr(torch.optim.lr_scheduler, name),
        torch.tensor([1.0], requires_grad=True),
        lambda o: o.param_groups[0]["lr"],
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_a_warm_up_and_then_a_cosine_are_pytorchs():
    mine = tg.optim.SGD([tg.Tensor([1.0], requires_grad=True)], lr=0.4)
    schedule = tg.optim.SequentialLR(
        mine, [tg.optim.LinearLR(mine, 0.1, total_iters=3), tg.optim.CosineAnnealingLR(mine, 6)], [3]
    )
    yours = torch.optim.SGD([torch.tensor([1.0], requires_grad=True)], lr=0.4)
    scheduler = torch.optim.lr_scheduler
    theirs = scheduler.SequentialLR(
        yours, [scheduler.LinearLR(yours, 0.1, total_iters=3), scheduler.CosineAnnealingLR(yours, 6)], [3]
    )
    for _ in range(9):
        assert mine.lr == pytest.approx(yours.param_groups[0]["lr"], rel=1e-12)
        schedule.step()
        yours.step()
        theirs.step()
