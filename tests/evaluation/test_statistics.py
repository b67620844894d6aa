"""Exact tests against published figures, against scipy, and by simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, false_discovery_control

from ledgerline.evaluation.statistics import (
    clopper_pearson,
    cluster_bootstrap,
    clustered_share,
    holm,
    lower_bound,
    mcnemar,
    sign_flip,
    upper_bound,
    wilson,
)


@pytest.mark.parametrize(
    ("limit", "trials"), [(0.01, 299), (0.005, 598), (0.002, 1497), (0.001, 2995)]
)
def test_shown_completions_without_an_error_that_certify_a_rate(limit: float, trials: int) -> None:
    assert upper_bound(0, trials, 0.95) <= limit
    assert upper_bound(0, trials - 1, 0.95) > limit


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_binomial_test_on_discordant_pairs(gained: int, lost: int) -> None:
    if gained + lost == 0:
        assert mcnemar(gained, lost) == 1.0
        return
    for alternative in ("greater", "less", "two-sided"):
        expected = binomtest(gained, gained + lost, 0.5, alternative=alternative).pvalue
        assert mcnemar(gained, lost, alternative) == pytest.approx(expected)


@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_share_intervals_agree_with_scipy(counts: tuple[int, int]) -> None:
    successes, trials = counts
    reference = binomtest(successes, trials).proportion_ci(0.95, "exact")
    ours = clopper_pearson(successes, trials, 0.95)
    assert (ours.low, ours.high) == pytest.approx((reference.low, reference.high))
    reference = binomtest(successes, trials).proportion_ci(0.95, "wilson")
    ours = wilson(successes, trials, 0.95)
    assert (ours.low, ours.high) == pytest.approx((reference.low, reference.high), abs=1e-12)


def test_shares_of_nothing_say_that_nothing_is_known() -> None:
    assert upper_bound(0, 0, 0.95) == 1.0
    assert lower_bound(0, 0, 0.95) == 0.0
    assert (wilson(0, 0, 0.95).low, clopper_pearson(0, 0, 0.95).high) == (0.0, 1.0)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_is_never_below_raw_nor_below_benjamini_hochberg(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(a >= p for a, p in zip(adjusted, p_values, strict=True))
    control = false_discovery_control(p_values)
    assert all(a >= c - 1e-12 for a, c in zip(adjusted, control, strict=True))


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_examples_of_one_company_widen_the_interval() -> None:
    generator = np.random.default_rng(3)
    rates = generator.beta(1, 1, 40)
    values = [float(generator.random() < rate) for rate in rates for _ in range(25)]
    companies = [company for company in range(40) for _ in range(25)]
    clustered = cluster_bootstrap(values, companies, 0.95, 2000, 0)
    naive = cluster_bootstrap(values, list(range(1000)), 0.95, 2000, 0)
    assert clustered.value == pytest.approx(naive.value)
    assert clustered.high - clustered.low > 2 * (naive.high - naive.low)


def test_cluster_bootstrap_covers_the_truth() -> None:
    generator = np.random.default_rng(5)
    covered = 0
    for trial in range(200):
        rates = generator.beta(4, 4, 60)
        values = (generator.random((60, 8)) < rates[:, None]).astype(float).ravel()
        interval = cluster_bootstrap(list(values), [i // 8 for i in range(480)], 0.95, 400, trial)
        covered += interval.low <= 0.5 <= interval.high
    assert covered >= 182  # 91 %: three standard errors below 95 %


def test_sign_flip_holds_its_level_with_clusters() -> None:
    generator = np.random.default_rng(11)
    rejected = 0
    for trial in range(300):
        shift = generator.choice([-1.0, 1.0], 50).repeat(6)
        noise = generator.normal(size=300)
        p_value = sign_flip(list(shift + noise), [i // 6 for i in range(300)], 400, trial)
        rejected += p_value < 0.05
    assert rejected <= 26  # 5 % of 300 and three standard errors
    assert sign_flip([1.0] * 40, list(range(40)), 400, 0) < 0.01


def test_one_cluster_or_none_decides_nothing() -> None:
    assert cluster_bootstrap([1.0, 0.0], ["a", "a"], 0.95, 100, 0).high == float("inf")
    assert cluster_bootstrap([], [], 0.95, 100, 0).trials == 0
    assert sign_flip([], [], 100, 0) == 1.0
    assert sign_flip([0.0, 0.0], ["a", "b"], 100, 0) == 1.0


def test_a_share_of_none_or_all_keeps_the_width_that_its_clusters_allow() -> None:
    clusters = [index % 40 for index in range(200)]
    none = clustered_share([False] * 200, clusters, 0.95, 100, 1)
    assert (none.value, none.low, none.trials) == (0.0, 0.0, 200)
    assert none.high == pytest.approx(1 - 0.025 ** (1 / 40))
    every = clustered_share([True] * 200, clusters, 0.95, 100, 1)
    assert (every.low, every.high) == (pytest.approx(1 - none.high), 1.0)
    some = [index % 40 < 10 for index in range(200)]
    assert clustered_share(some, clusters, 0.95, 100, 1) == cluster_bootstrap(
        [float(hit) for hit in some], clusters, 0.95, 100, 1
    )
    assert clustered_share([], [], 0.95, 100, 1).trials == 0
