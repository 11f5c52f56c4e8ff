"""Times that mean something on a noisy machine: contenders take turns with the baseline, and ratios are compared."""

import random
from statistics import median, quantiles
from time import perf_counter
from typing import NamedTuple


class Timing(NamedTuple):
    """Seconds a call (median), and that in units of the baseline: the median ratio and its quartiles."""

    seconds: float
    ratio: float
    low: float
    high: float

    @property
    def spread(self):
        """Half of the ratios are about as near to the median as this, relative to it."""
        return (self.high - self.low) / self.ratio / 2


def block(run, calls):
    """Seconds a call. The first call is not timed: it waits for threads of another library, and fills the caches."""
    run()
    start = perf_counter()
    for _ in range(calls):
        run()
    return (perf_counter() - start) / calls


def compare(baseline, contenders, *, seconds=2.0, block_seconds=0.01, rounds=25):
    """Time each contender between two blocks of the baseline, in turns and in random order.

    Of its rounds the calmer half counts, in which these two blocks were the most alike: nothing else was going on.

    Parameters
    ----------
    baseline : callable
    contenders : dict of callables
    seconds : float
        When a contender has had so many, it has no more rounds, once it has had 5.
    block_seconds : float
        A block is as many calls as fit, or one.
    rounds : int
        At most.

    Returns
    -------
    dict of Timing
        With that of the baseline under the key None, whose ratio is that of neighbouring blocks of itself: the noise.
    """
    contenders = {None: baseline, **contenders}
    calls = {}
    for name, run in contenders.items():
        once = min(block(run, 1) for _ in range(3))
        calls[name] = max(1, round(block_seconds / once))

    order = random.Random(0)
    times, ratios, unrest = ({name: [] for name in contenders} for _ in range(3))
    spent = dict.fromkeys(contenders, 0.0)
    before = block(baseline, calls[None])
    for turn in range(rounds):
        for name in order.sample(list(contenders), len(contenders)):
            if turn < 5 or spent[name] < seconds:
                start = perf_counter()
                time = block(contenders[name], calls[name])
                after = block(baseline, calls[None])
                spent[name] += perf_counter() - start
                times[name].append(time)
                ratios[name].append(2 * time / (before + after))
                unrest[name].append(abs(before - after) / (before + after))
                before = after
    for name in contenders:
        calm = sorted(range(len(times[name])), key=unrest[name].__getitem__)[: (len(times[name]) + 1) // 2]
        times[name], ratios[name] = ([values[name][i] for i in calm] for values in (times, ratios))
    return {name: Timing(median(times[name]), *middle(ratios[name])) for name in contenders}


def middle(values):
    """The median and the quartiles."""
    low, _, high = quantiles(values, n=4) if len(values) > 1 else values * 3
    return median(values), low, high
