"""The ledger as a whole: every verdict as expected, every planted false variant refuted, evidence that can fail."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from theory.errors import InvalidInput
from theory.ledger import (
    FALSE_ALARM_SHARE,
    Check,
    Claim,
    Evidence,
    at_least,
    at_most,
    catalogue,
    checking,
    equal,
    hoeffding_margin,
    hoeffding_samples,
    instances,
    of_own_kind,
    rounding,
    undecided,
    verdict,
)
from theory.ledger.tightest import tightest
from theory.worlds import TableWorld

CLAIMS = catalogue.claims()
VARIANTS = [(name, variant) for name, claim in CLAIMS.items() for variant in claim.variants]


@pytest.mark.parametrize("name", CLAIMS)
def test_verdict_is_the_expected_one(name: str) -> None:
    claim = CLAIMS[name]
    result = checking.examine(claim, checking.PROFILES["smoke"])
    assert result.verdict == claim.expected, result.witness or result.worst
    assert set(result.routes) <= set(claim.routes)
    assert result.effective > 0


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_planted_false_variant_is_refuted(name: str, variant: str) -> None:
    claim = CLAIMS[name]
    found = checking.examine(claim, checking.PROFILES["smoke"], claim.variants[variant])
    assert found.verdict == "refuted" or (claim.quantifier == "there exists" and found.verdict == "undecided")


@pytest.mark.parametrize("name", [name for name, claim in CLAIMS.items() if claim.sharp])
def test_a_sharp_instance_uses_the_share_of_the_bound_that_it_claims(name: str) -> None:
    claim = CLAIMS[name]
    assert claim.sharp is not None
    evidence = [e for e in claim.check(**claim.sharp.instance) if of_own_kind(claim, e) and e.effective]
    assert verdict(evidence) == "holds"
    assert max(e.tightness for e in evidence) >= claim.sharp.share - 1 - 1e-9


@pytest.mark.parametrize("name", CLAIMS)
def test_claim_is_complete(name: str) -> None:
    claim = CLAIMS[name]
    assert claim.source and claim.statement and claim.tolerance
    assert claim.variants or claim.expected == "refuted", "no planted false variant"
    assert claim.fixtures or claim.inputs
    assert claim.quantifier != "there exists" or claim.fixtures, "a witness is a fixture"
    assert not claim.see or claim.see in CLAIMS
    if claim.expected == "refuted":
        assert verdict(claim.check(**claim.fixtures[0])) == "refuted", "the first fixture is the witness"
        assert claim.see, "a statement that fails names what holds in its place"
    for fixture in claim.fixtures:
        written = json.loads(json.dumps(instances.encode(fixture)))
        assert instances.encode(instances.decode(written)) == written


def test_every_noted_claim_is_in_the_ledger() -> None:
    numbers = {".".join(name.split(".")[:2]).rstrip("abcdefgh") for name in CLAIMS}
    digests = {
        "energy": 9, "schedules": 26, "eb": 13, "duel": 9, "punt": 8, "infogain": 10, "speculative": 11, "gstar": 16,
    }  # fmt: skip
    wanted = {f"{paper}.{k}" for paper, end in digests.items() for k in range(1, end)}
    assert wanted <= numbers
    assert {"punt.G1", "punt.G2", "punt.G3", "infogain.P6", "infogain.P7", "eb.nfe", "duel.elbo"} <= set(CLAIMS)
    assert {f"remdm.{k}" for k in ("3.1", "nelbo", "4.1", "4.1.printed", "4.2", "4.3", "4.4", "conf")} <= set(CLAIMS)


def test_fractions_are_compared_without_tolerance() -> None:
    third = Fraction(1, 3)
    assert equal("rational", third, third, Fraction(0)).holds
    assert not equal("rational", third, third + Fraction(1, 10**40), Fraction(0)).holds


def test_nan_never_holds() -> None:
    for compare in (equal, at_most, at_least):
        assert not compare("enumeration", math.nan, 0.0, 1.0).holds
        assert not compare("enumeration", torch.tensor([0.0, math.nan]), 0.0, 1.0).holds


def test_arrays_are_represented_by_their_worst_entry() -> None:
    assert at_most("enumeration", [0.0, 3.0, 1.0], 2.0, 0.0).computed == 3.0
    assert at_least("enumeration", [0.0, 3.0, 1.0], 2.0, 0.0).computed == 0.0
    assert equal("enumeration", [0.0, 2.5, -1.0], 2.0, 0.0).computed == -1.0


def test_verdicts() -> None:
    true, trivial = Evidence("enumeration", 1.0, "==", 1.0, 0.0), Evidence("enumeration", 1.0, "==", 1.0, 0.0, False)
    false = Evidence("enumeration", 1.0, "<=", 0.5, 0.1, False)
    assert verdict([true, trivial]) == "holds"
    assert verdict([trivial]) == "vacuous"
    assert verdict([true, false]) == "refuted"
    gave_up = undecided("ball", "no answer in 100 boxes")
    assert verdict([true, gave_up]) == "undecided"
    assert not gave_up.effective and not gave_up.decided
    assert verdict([false, gave_up]) == "refuted"


def _claim(check: Check, **fields: Any) -> Claim:
    plain: dict[str, Any] = {"id": "x", "source": "s", "statement": "t.", "kind": "upper", "routes": ("enumeration",)}
    return Claim(**{**plain, "tolerance": "none", "fixtures": ({},), "check": check, **fields})


def _says(computed: float, proves: float | None = None) -> Check:
    return lambda: [at_most("ball" if proves else "enumeration", computed, 1.0, 0.0, proves=proves)]


@pytest.mark.parametrize(
    ("quantifier", "check", "expected", "reach"),
    [
        ("for all", _says(0.0), "undecided", "checked on 1 instance"),
        ("for all", _says(0.0, 5), "holds", "proved up to n = 5, checked on 1 instance"),
        ("for all", _says(0.0, math.inf), "holds", "proved, checked on 1 instance"),
        ("for all", _says(2.0), "refuted", "refuted by 1 of 1 instance"),
        ("there exists", _says(0.0), "holds", "witnessed by 1 of 1 instance"),
        ("there exists", _says(2.0), "undecided", "no witness among 1 instance"),
        ("there exists", _says(2.0, math.inf), "refuted", "refuted by a proof"),
        ("this instance", _says(0.0), "holds", "the named 1 instance"),
    ],
)
def test_a_verdict_follows_from_the_quantifier_and_from_proofs(quantifier, check, expected, reach) -> None:
    found = checking.examine(_claim(check, quantifier=quantifier))
    assert (found.verdict, found.reach) == (expected, reach)


def test_a_route_without_an_answer_leaves_a_claim_undecided() -> None:
    found = checking.examine(_claim(lambda: [undecided("ball", "no answer")], quantifier="for all"))
    assert found.verdict == "undecided"


def test_the_witness_is_the_first_instance_that_fails() -> None:
    def check(value: float) -> list[Evidence]:
        return [at_most("enumeration", value, 1.0, 0.0)]

    fixtures = tuple({"value": v} for v in (0.5, 2.0, 3.0))
    found = checking.examine(_claim(check, quantifier="this instance", fixtures=fixtures))
    assert found.witness == {"value": 2.0} and found.worst == {"value": 3.0}
    assert (found.instances, found.violations, found.verdict) == (3, 2, "refuted")
    assert 0 <= found.seconds < 60


def test_statistical_comparisons_are_counted_number_by_number() -> None:
    def check() -> list[Evidence]:
        return [at_most("monte-carlo", [0.0, 0.5, 0.25], 1.0, 0.1), at_most("enumeration", 0.0, 1.0, 0.0)]

    found = checking.examine(_claim(check, quantifier="this instance"))
    assert found.comparisons == 3
    assert found.false_alarm == 3 * FALSE_ALARM_SHARE


def test_sample_sizes_follow_from_the_false_alarm_rate() -> None:
    assert (
        hoeffding_margin(hoeffding_samples(0.01, 2.0), 2.0)
        <= 0.01
        < hoeffding_margin(hoeffding_samples(0.01, 2.0) - 1, 2.0)
    )


def test_tightest_follows_the_gradient_and_replays(tmp_path: Path) -> None:
    claim = catalogue.claim("schedules.3")
    found = tightest(claim, budget=20, steps=40)
    path = tmp_path / "tightest.json"
    found.save(path)
    replayed, evidence = checking.replay(path)
    assert replayed.id == "schedules.3"
    assert max(e.tightness for e in evidence if e.relation == "<=" and e.effective) == found.evidence.tightness


def test_tightest_leaves_out_what_is_equal_by_definition() -> None:
    found = tightest(catalogue.claim("schedules.3"), budget=40, steps=20)
    assert len(found.instance["sizes"]) > 1, "with one block nothing is mixed, and both sides are one number"


def test_gradient_descent_tightens() -> None:
    from theory.ledger.tightest import _descend

    claim = catalogue.claim("schedules.3")
    start = {"world": TableWorld.from_weights([3, 1, 2, 2, 1, 1, 1, 4], 3, 2), "sizes": [1, 2]}
    assert claim.objective is not None
    after = float(claim.objective(**_descend(claim, start, 60)))
    assert after < 0.9 * float(claim.objective(**start))


def test_smallest_witness_is_small() -> None:
    witness = checking.smallest_witness(catalogue.claim("schedules.A7.read"), 200)
    assert witness is not None
    assert witness["world"].n <= 4 and witness["world"].d == 2


def test_unknown_claim_suggests_the_nearest() -> None:
    with pytest.raises(InvalidInput, match=r"unknown claim 'schedules\.8'; did you mean schedules"):
        catalogue.claim("schedules.8")


def test_a_claim_cannot_hide_an_exception() -> None:
    def broken(**_: object) -> list[Evidence]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        checking.examine(_claim(broken, quantifier="this instance"))


def test_rounding_is_eight_units_a_term_of_the_larger_of_one_and_the_scale() -> None:
    unit = 8 * 2.0**-52
    assert [rounding(3), rounding(3, 0.25), rounding(2, 5.0)] == [3 * unit, 3 * unit, 10 * unit]


def test_of_many_comparisons_the_one_without_a_number_is_the_worst() -> None:
    """`_worst` puts NaN before every number, so that it is never hidden by a small slack elsewhere."""
    found = equal("rational", np.array([1.0, math.nan, 2.5]), np.array([1.0, 1.0, 2.0]), 1e-9)
    assert math.isnan(found.computed)
    mixed = np.array([Fraction(1), math.nan, Fraction(5, 2)], dtype=object)
    assert math.isnan(equal("rational", mixed, np.array([Fraction(1)] * 3, dtype=object), 1e-9).computed)
    assert equal("rational", np.array([1.0, 2.5]), np.array([1.0, 2.0]), 1e-9).computed == 2.5
