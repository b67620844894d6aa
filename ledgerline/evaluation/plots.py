"""The plot that `dvc plots` and MLflow show."""

from pathlib import Path

from matplotlib.figure import Figure

from ledgerline.evaluation.evaluate import BASE, TRAINED, Evidence


def plot_slices(evidence: Evidence, path: Path) -> None:
    """Share right per slice, base and trained with intervals, as PNG."""
    names = list(evidence.comparisons.get(TRAINED, {}))
    figure = Figure(figsize=(8, 0.32 * len(names) + 1.2), layout="constrained")
    axes = figure.subplots()
    for policy, shift, colour in ((BASE, 0.16, "#8894a3"), (TRAINED, -0.16, "#1f5fbf")):
        shares = [evidence.measures[policy][name].accuracy for name in names]
        heights = [-index + shift for index in range(len(names))]
        for share, height in zip(shares, heights, strict=True):
            low, high = max(0.0, share.low), min(1.0, share.high)
            axes.plot([100 * low, 100 * high], [height, height], color=colour, alpha=0.5, lw=3)
        axes.plot([100 * share.value for share in shares], heights, "o", color=colour, label=policy)
    axes.set_yticks([-index for index in range(len(names))], names)
    axes.set_xlim(0, 100)
    axes.set_xlabel("right (%), with 95 % interval clustered by company")
    axes.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside upper right", ncols=2, frameon=False)
    figure.savefig(path, format="png", dpi=120)
