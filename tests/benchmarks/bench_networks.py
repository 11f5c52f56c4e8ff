"""The cost and all gradients of a network, in units of the time that backpropagation by hand takes."""

from collections import defaultdict

import networks
import numpy as np
import report
import timing
from contenders import CONTENDERS, FLOOR, UnsuitableError, mistake

IMAGE = report.PAGE.parent / "images" / "benchmarks.svg"


def prepared(p, quick=False):
    """The contenders that are installed and right, ready to run, and why the others are not among them."""
    runs, reasons = {}, {}
    for name, contender in CONTENDERS.items():
        if quick and contender.slow_to_start:
            reasons[name] = "left out of the quick run"
            continue
        try:
            run = contender.prepare(p)
            wrong = None if name == FLOOR else mistake(name, p, run())
        except ModuleNotFoundError as error:
            reasons[name] = f"{error.name} is not installed"
        except UnsuitableError as reason:
            reasons[name] = str(reason)
        except Exception as error:  # whatever it is, the others can still be measured
            reasons[name] = f"failed with {type(error).__name__}: {(str(error).splitlines() or [''])[0][:200]}"
        else:
            if wrong:
                reasons[name] = f"wrong, and therefore not timed: {wrong}"
            else:
                runs[name] = run
    return runs, reasons


def measure(dtype, quick):
    """{network: {contender: Timing}} and {contender: {why it is missing: [networks]}}."""
    timings, missing = {}, defaultdict(lambda: defaultdict(list))
    for name in list(networks.NETWORKS)[: 2 if quick else None]:
        report.say(f"{name}, {dtype}")
        p = networks.problem(name, dtype)
        runs, reasons = prepared(p, quick)
        how = {"seconds": 0.02, "block_seconds": 0.001, "rounds": 2} if quick else {}
        timings[name] = timing.compare(lambda p=p: networks.backprop(*p), runs, **how)
        for contender, reason in reasons.items():
            missing[contender][reason].append(name)
    return timings, missing


def tables(dtype, timings, missing):
    """A table, a line on the noise, and a list of who is missing where."""

    def cell(t):
        return ("~" if t.spread > 0.25 else "") + report.number(t.ratio)

    rows = [["by hand, µs", *(report.number(1e6 * column[None].seconds) for column in timings.values())]]
    for name in CONTENDERS:
        cells = [cell(column[name]) if name in column else None for column in timings.values()]
        if any(cells):
            rows.append([name, *cells])
    spread = np.median([t.spread for column in timings.values() for t in column.values()])
    lines = [
        f"{dtype}, ratio to the time by hand:\n",
        report.table(["", *timings], rows),
        f"\nHalf of the ratios of a cell lie within ±{spread:.0%} of it, and within more than ±25% of one with a ~.",
    ]
    absent = [
        f"- {name}: {reason}" + ("." if len(where) == len(timings) else f" ({'; '.join(where)}).")
        for name, reasons in missing.items()
        for reason, where in reasons.items()
    ]
    return "\n".join([*lines, *(["\nNot measured:\n", *absent] if absent else [])])


def plot(results):
    """One panel for each network: a circle for float64, a square for float32, on a logarithmic axis."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    plt.rcParams.update({"svg.hashsalt": "tinygrad_edu", "font.size": 9})
    columns = list(next(iter(results.values())))
    names = [name for name in CONTENDERS if any(name in t for timings in results.values() for t in timings.values())]
    figure, axes = plt.subplots(1, len(columns), figsize=(11, 0.3 * len(names) + 1), sharey=True, layout="constrained")
    styles = list(zip("os", ("#0072B2", "#E69F00"), (-0.12, 0.12), strict=True))  # the two are beside each other
    for axis, column in zip(axes, columns, strict=True):
        for (dtype, timings), (marker, color, shift) in zip(results.items(), styles, strict=False):
            found = [(timings[column][n].ratio, i + shift) for i, n in enumerate(names) if n in timings[column]]
            axis.plot(*zip(*found, strict=True), marker, color=color, label=dtype, markersize=5, alpha=0.9)
        axis.axvline(1, color="black", linewidth=1)
        axis.set(title=column, xscale="log", xlim=(0.07, 40), xticks=[0.1, 1, 10], xticklabels=["0.1", "1", "10"])
        axis.grid(axis="both", alpha=0.3)
    axes[0].set_yticks(range(len(names)), names)
    for label in axes[0].get_yticklabels():
        label.set_fontweight("bold" if label.get_text().startswith("ours") else "normal")
    axes[0].invert_yaxis()
    axes[-1].legend(loc="lower right")
    figure.supxlabel("time in units of backpropagation by hand (lower is better)", fontsize=9)
    figure.savefig(IMAGE, metadata={"Date": None})


def main():
    quick = report.options(__doc__).quick
    report.begin(quick)
    results, texts = {}, []
    for dtype in ("float64",) if quick else ("float64", "float32"):
        results[dtype], missing = measure(dtype, quick)
        texts.append(tables(dtype, results[dtype], missing))
    packages = [
        contender.package for contender in CONTENDERS.values() if contender.package not in ("numpy", "tinygrad_edu")
    ]
    report.publish({"machine": report.machine(packages), "networks": "\n\n".join(texts)}, quick)
    if not quick:
        plot(results)


if __name__ == "__main__":
    main()
