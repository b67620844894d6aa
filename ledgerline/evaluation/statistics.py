"""Exact tests and intervals for paired, clustered yes-or-no results.

Sources: Clopper and Pearson 1934; Wilson 1927; McNemar's test in its exact binomial form
(Dietterich 1998); Holm 1979; clustering of evaluation questions after Miller,
arXiv 2411.00640. Counts here are often small and rates near 0 or 1, where normal
approximations are too narrow (Bowyer et al., arXiv 2503.01747), so the bounds are exact.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta, binom, norm


@dataclass(frozen=True, slots=True)
class Interval:
    """A share or a mean with its interval; `trials` is how many observations it rests on."""

    value: float
    low: float
    high: float
    trials: int


def wilson(successes: int, trials: int, confidence: float) -> Interval:
    """Wilson's score interval of a share; (nan, 0, 1) when there are no trials."""
    if trials == 0:
        return Interval(float("nan"), 0.0, 1.0, 0)
    z = float(norm.ppf(0.5 + confidence / 2))
    share = successes / trials
    scale = 1 + z * z / trials
    centre = (share + z * z / (2 * trials)) / scale
    half = z / scale * (share * (1 - share) / trials + z * z / (4 * trials * trials)) ** 0.5
    return Interval(share, max(0.0, centre - half), min(1.0, centre + half), trials)


def upper_bound(successes: int, trials: int, confidence: float) -> float:
    """One-sided exact (Clopper–Pearson) upper bound of a share; 1.0 without trials.

    >>> round(upper_bound(0, 299, 0.95), 4)
    0.01
    """
    if successes >= trials:
        return 1.0
    return float(beta.ppf(confidence, successes + 1, trials - successes))


def lower_bound(successes: int, trials: int, confidence: float) -> float:
    """One-sided exact (Clopper–Pearson) lower bound of a share; 0.0 without trials."""
    if successes == 0 or trials == 0:
        return 0.0
    return float(beta.ppf(1 - confidence, successes, trials - successes + 1))


def clopper_pearson(successes: int, trials: int, confidence: float) -> Interval:
    """Two-sided exact interval of a share; (nan, 0, 1) when there are no trials."""
    if trials == 0:
        return Interval(float("nan"), 0.0, 1.0, 0)
    side = 0.5 + confidence / 2
    return Interval(
        successes / trials,
        lower_bound(successes, trials, side),
        upper_bound(successes, trials, side),
        trials,
    )


def mcnemar(
    gained: int, lost: int, alternative: Literal["greater", "less", "two-sided"] = "two-sided"
) -> float:
    """p-value of McNemar's exact test; 1.0 without a discordant pair.

    `gained` counts the pairs that only the candidate got right, `lost` those that only the
    incumbent got right. "greater" asks whether the candidate is better.

    >>> round(mcnemar(8, 2, "greater"), 4)
    0.0547
    """
    discordant = gained + lost
    if discordant == 0:
        return 1.0
    if alternative == "greater":
        return float(binom.sf(gained - 1, discordant, 0.5))
    if alternative == "less":
        return float(binom.cdf(gained, discordant, 0.5))
    return min(1.0, 2 * float(binom.cdf(min(gained, lost), discordant, 0.5)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p-values, in the order given.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    adjusted = [1.0] * len(p_values)
    running = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        running = max(running, min(1.0, p_values[index] * (len(p_values) - rank)))
        adjusted[index] = running
    return adjusted


def cluster_bootstrap(
    values: Sequence[float],
    clusters: Sequence[Hashable],
    confidence: float,
    resamples: int,
    seed: int,
) -> Interval:
    """Mean of `values` with a percentile interval from resampling whole clusters.

    Examples of one company stand or fall together, so companies are drawn, not examples.
    Without values: (nan, nan, nan, 0). One cluster alone tells nothing about its spread:
    the interval is then (-inf, inf).
    """
    if not values:
        return Interval(float("nan"), float("nan"), float("nan"), 0)
    sums, sizes = _cluster_sums(values, clusters)
    mean = float(sums.sum() / sizes.sum())
    if len(sums) < 2:
        return Interval(mean, float("-inf"), float("inf"), len(values))
    generator = np.random.default_rng(seed)
    means = np.empty(resamples)
    # In blocks: resamples × clusters integers at once would take gigabytes.
    block = max(1, 4_000_000 // len(sums))
    for start in range(0, resamples, block):
        draws = generator.integers(0, len(sums), (min(block, resamples - start), len(sums)))
        means[start : start + len(draws)] = sums[draws].sum(1) / sizes[draws].sum(1)
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Interval(mean, float(low), float(high), len(values))


def clustered_share(
    hits: Sequence[bool],
    clusters: Sequence[Hashable],
    confidence: float,
    resamples: int,
    seed: int,
) -> Interval:
    """Share of `hits` with an interval from resampling whole clusters.

    Where all or none are hits there is nothing to resample; the interval is then the exact one
    of as many trials as there are clusters.
    """
    if hits and len(set(hits)) == 1:
        trials = len(set(clusters))
        exact = clopper_pearson(trials if hits[0] else 0, trials, confidence)
        return Interval(exact.value, exact.low, exact.high, len(hits))
    return cluster_bootstrap([float(hit) for hit in hits], clusters, confidence, resamples, seed)


def sign_flip(
    differences: Sequence[float], clusters: Sequence[Hashable], resamples: int, seed: int
) -> float:
    """p-value that the mean difference is no greater than 0, flipping signs by cluster.

    Under the null the two policies are exchangeable within each company, so every flip of a
    company's sum is as likely as the one seen. The identity is counted among the draws,
    which keeps the test valid at any number of resamples.
    """
    if not differences:
        return 1.0
    sums, _ = _cluster_sums(differences, clusters)
    sums = sums[sums != 0]
    if len(sums) == 0:
        return 1.0
    observed = sums.sum()
    generator = np.random.default_rng(seed)
    block = max(1, 4_000_000 // len(sums))
    reached = 0
    for start in range(0, resamples, block):
        signs = generator.integers(0, 2, (min(block, resamples - start), len(sums))) * 2 - 1
        reached += int(((signs @ sums) >= observed - 1e-12).sum())
    return (reached + 1) / (resamples + 1)


def _cluster_sums(
    values: Sequence[float], clusters: Sequence[Hashable]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Per cluster, in order of first appearance: sum of the values, and their number."""
    order: dict[Hashable, int] = {}
    codes = np.array([order.setdefault(cluster, len(order)) for cluster in clusters])
    sums = np.bincount(codes, weights=np.asarray(values, dtype=float))
    return sums.astype(np.float64), np.bincount(codes).astype(np.float64)
