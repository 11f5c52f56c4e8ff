"""Times that mean something on a noisy machine: contenders take turns with the baseline, and ratios are compared."""

import os
import random
import time
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import NamedTuple

patience = 0.0  # seconds that may be lost to what is measured again because other programs were busy


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
    """Time each contender between two blocks of the baseline, in rounds, in random order.

    A round during which other programs were busy is measured again, as long as there is patience. Then, of the rounds of
    a contender, the half counts in which the two blocks of the baseline were the most alike.

    Parameters
    ----------
    baseline : callable
    contenders : dict of callables
    seconds : float
        A contender that has had about so many takes part in no more rounds, once it has had 5.
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
    results = {name: [] for name in contenders}  # (unrest, seconds, ratio)
    spent = dict.fromkeys(contenders, 0.0)
    for turn in range(rounds):
        running = [name for name in contenders if turn < min(5, rounds) or spent[name] < seconds]

        def one_round(running=running):
            found = {}
            before = block(baseline, calls[None])
            for name in order.sample(running, len(running)):
                time = block(contenders[name], calls[name])
                after = block(baseline, calls[None])
                found[name] = abs(before - after) / (before + after), time, 2 * time / (before + after)
                before = after
            return found

        for name, result in undisturbed(one_round).items():
            results[name].append(result)
            spent[name] += 2 * (calls[name] + 1) * result[1]

    timings = {}
    for name, found in results.items():
        calm = sorted(found)[: (len(found) + 1) // 2]
        ratios = [ratio for _, _, ratio in calm]
        low, _, high = quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
        timings[name] = Timing(median(time for _, time, _ in calm), median(ratios), low, high)
    return timings


def undisturbed(measure):
    """What `measure` returns, from a time when other programs used less than a tenth of one core."""
    global patience
    while True:
        start, others = perf_counter(), seconds_of_others()
        result = measure()
        elapsed = perf_counter() - start
        if patience <= 0 or seconds_of_others() - others <= 0.1 * elapsed + 0.02:  # the system counts in 0.01 s
            return result
        time.sleep(0.5)
        patience -= elapsed + 0.5


def seconds_of_others():
    """Processor time that other programs have used since the machine was started; 0 where the system does not tell."""
    try:
        user, nice, system, _, _, *rest = map(int, Path("/proc/stat").read_text().splitlines()[0].split()[1:9])
    except (OSError, ValueError):
        return 0.0
    return (user + nice + system + sum(rest)) / os.sysconf("SC_CLK_TCK") - sum(os.times()[:4])  # ours, our children's
