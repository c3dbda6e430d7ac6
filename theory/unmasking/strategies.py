"""Hypothesis strategies for unmasking rules: every built-in set rule with drawn parameters."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from theory.unmasking.rules.base import SetRule
from theory.unmasking.rules.proxies import PROXIES
from theory.unmasking.rules.sets import Dilated, EntropyBounded, LeftToRight, RandomOne, Threshold, TopK


def rules(stochastic: bool = True) -> SearchStrategy[SetRule]:
    """Draw a set rule: left to right, Top-k, a threshold, dilated groups, entropy-bounded, or one random position.

    `stochastic=False` leaves the random one out. Limits are multiples of 1/20, shifted by 1/1000 so that sums of equal
    entropies do not tie with them.
    """
    k, by = st.integers(1, 3), st.sampled_from(sorted(PROXIES))
    limit = st.integers(0, 40).map(lambda twentieths: twentieths / 20 + 1e-3)
    found: list[SearchStrategy[SetRule]] = [
        st.builds(LeftToRight, k),
        st.builds(TopK, k, by),
        st.builds(Threshold, limit, st.just("entropy")),
        st.builds(Threshold, limit.map(lambda x: -min(x / 2, 1.0)), st.sampled_from(("confidence", "margin"))),
        st.builds(Dilated, st.sampled_from((1, 2, 4))),
        st.builds(EntropyBounded, limit, by),
    ]
    return st.one_of(*found, st.just(RandomOne())) if stochastic else st.one_of(*found)
