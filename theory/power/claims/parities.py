"""Any-process generation (arXiv 2510.06190): parity by seven rules, and in a constant number of steps."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial

from theory.ledger import Claim, Evidence, at_least, at_most, equal, strategies
from theory.power import parity
from theory.power.claims.inputs import ANY_PROCESS, NONE, OURS, bit_strings, edit_of, edited
from theory.power.generation import Process, run
from theory.power.transition import Edit, Strings, apply, strings


def answers(process: Process, words: list[tuple[int, ...]], steps: int | None) -> Iterator[Evidence]:
    """Compare "ends as the single token 1" with odd parity, and the steps with a bound where one is claimed."""
    longest = max(map(len, words))
    result = run(process, strings(words, parity.D), max(4, 2 * longest))
    odd = [sum(word) % 2 == 1 for word in words]
    wrong = sum(a != b for a, b in zip(parity.odd(result.last).tolist(), odd, strict=True))
    yield equal("enumeration", wrong, 0, NONE)
    yield equal("enumeration", sum(ending != "fixed point" for ending in result.endings()), 0, NONE, note="all end")
    bounds = [2 * max(len(word) - 1, 0) if steps is None else steps for word in words]
    yield at_most("enumeration", result.steps.tolist(), bounds, NONE, note="steps")


def every(n: int) -> list[tuple[int, ...]]:
    """Return all bit strings of a length."""
    return list(itertools.product((0, 1), repeat=n))


def of_length(n: int, process: Process, steps: int | None = None) -> Iterator[Evidence]:
    """Run a process on all bit strings of a length."""
    yield from answers(process, every(n), steps)


def of_string(bits: list[int], process: Process, steps: int | None = None) -> Iterator[Evidence]:
    """Run a process on one string."""
    yield from answers(process, [tuple(bits)], steps)


def without_pairing(state: Strings) -> Edit:
    """Return the four-step process that erases an unpaired last one too."""
    edit = parity.four_steps(state)
    ones = ~state.masked.any(-1, keepdim=True) & ~(state.tokens == parity.ZERO).any(-1, keepdim=True)
    remask = edit.remask | (ones & state.inside & (state.length[:, None] > 1))
    return Edit(edit.write, remask, edit.insert, edit.delete)


def without_insertion(state: Strings) -> Edit:
    """Return the two-step process that inserts after ones in the place of zeros."""
    edit = parity.two_steps(state)
    other = edit.remask & (state.tokens == parity.ONE)
    return Edit(edit.write, edit.remask, other, edit.delete)


def residues(n: int, off: int = 0) -> Iterator[Evidence]:
    """Compare how many strings leave a 0, their steps and the slowest ones with closed forms, over all strings."""
    words = every(n)
    result = run(parity.seven_rules, strings(words, parity.D), 2 * n)
    zeros = [state == [parity.ZERO] for state in result.last.lists()]
    share = Fraction(1, 6) + Fraction(1, 3) * Fraction(-1, 2) ** (n - 1)
    yield equal("rational", Fraction(sum(zeros) + off, 2**n), share, NONE)
    mean = 2 * sum(Fraction(2, 3) - Fraction(2, 3) * Fraction(-1, 2) ** i for i in range(1, n))
    yield equal("rational", Fraction(int(result.steps.sum()) + off, 2**n), mean, NONE, note="mean steps")
    if n >= 3:
        slowest = {word for word, steps in zip(words, result.steps.tolist(), strict=True) if steps == 2 * (n - 1)}
        named = {(a, 1 - a, *[0] * (n - 3), b) for a in (0, 1) for b in (0, 1)}
        yield equal("enumeration", len(slowest ^ named), 0, NONE, note="the four slowest strings")


def leaves_nothing(n: int) -> Iterator[Evidence]:
    """Run the seven rules on all strings of even parity and ask for the empty string."""
    words = [word for word in every(n) if sum(word) % 2 == 0]
    result = run(parity.seven_rules, strings(words, parity.D), 2 * n)
    yield equal("enumeration", int(result.last.length.sum()), 0, NONE)


def wrong_answers(n: int) -> Iterator[Evidence]:
    """Count the strings of a length whose parity two steps get wrong: at least one is claimed."""
    result = run(parity.two_steps, strings(every(n), parity.D), 2)
    wrong = sum(a != (sum(w) % 2 == 1) for a, w in zip(parity.odd(result.last).tolist(), every(n), strict=True))
    yield at_least("enumeration", wrong, 1, NONE)


def one_step(rows: list[list[list[int]]], d: int, more: int = 0) -> Iterator[Evidence]:
    """Apply any edit to strings of tokens and ask that none becomes shorter; the variant asks for one symbol more."""
    tokens = [[(min(place[0], d - 1), *place[1:]) for place in row] for row in rows]
    state = strings([[place[0] for place in row] for row in tokens], d)
    after = apply(state, edit_of(tokens, state.tokens.shape[1]))
    yield at_least("enumeration", after.length.tolist(), (state.length + more).tolist(), NONE)


def claimed(
    name: str, statement: str, process: Process, steps: int | None, wrong: dict[str, Process], printed: bool
) -> tuple[Claim, Claim]:
    """Return the claim on all strings up to a length, and that on long drawn ones."""

    def bound(check: Callable[..., Iterator[Evidence]], used: Process) -> Callable[..., Iterator[Evidence]]:
        return lambda **instance: check(**instance, process=used, steps=steps)

    source = f"{ANY_PROCESS}, section on parity" if printed else f"{OURS}, {name}"
    return (
        Claim(
            id=name, statement=f"{statement}: all strings of up to ten bits.", source=source, quantifier="this instance",
            kind="equality", status="reading" if printed else "ours", routes=("enumeration",), check=bound(of_length, process),
            tolerance="none: symbols", fixtures=tuple({"n": n} for n in range(1, 11)),
            variants={label: bound(of_length, each) for label, each in wrong.items()},
        ),
        Claim(
            id=f"{name}long", statement=f"{statement}: strings of any length.", source=source, quantifier="for all",
            kind="equality", status="reading" if printed else "ours", routes=("enumeration",), check=bound(of_string, process),
            tolerance="none: symbols", inputs=lambda: strategies.paired(bits=bit_strings(120, 1)), examples=30,
            variants={label: bound(of_string, each) for label, each in wrong.items()},
        ),
    )  # fmt: skip


def forgetful(state: Strings) -> Edit:
    """Return the seven rules with 01 losing its one."""
    edit = parity.seven_rules(state)
    mixed = edit.remask.sum(-1, keepdim=True) == 1
    remask = edit.remask.clone()
    if remask.shape[1] >= 2:
        remask[:, :2] = remask[:, :2] ^ mixed
    return Edit(edit.write, remask, edit.insert, edit.delete)


CLAIMS = (
    *claimed(
        "process.5", "The seven rules on the first two symbols end as the single token 1 exactly where the parity is odd, "
        "in at most 2 (n - 1) steps", parity.seven_rules, None, {"01 loses its one": forgetful}, True,
    ),
    Claim(
        id="process.5residue",
        statement=(
            "Of all strings of n bits the seven rules leave the single token 0 for a share of 1/6 + (1/3)(-1/2)^(n-1); they "
            "take 2 sum over i = 1..n-1 of 2/3 - (2/3)(-1/2)^i steps on average, and the most, 2 (n - 1), on four strings."
        ),
        source=f"{OURS}, process.5residue", quantifier="this instance", kind="equality", routes=("rational", "enumeration"),
        check=residues, tolerance="none: fractions", fixtures=tuple({"n": n} for n in range(1, 13)),
        variants={"one string more": partial(residues, off=1)},
    ),
    Claim(
        id="process.5.empty",
        statement="Where the parity is even the seven rules leave nothing.",
        source=f"{ANY_PROCESS}, section on parity", quantifier="for all", kind="equality", status="reading",
        routes=("enumeration",), check=leaves_nothing, tolerance="none: symbols", expected="refuted", see="process.5residue",
        fixtures=({"n": 3},),
    ),
    *claimed(
        "process.6", "Erasing all zeros, then all ones but an unpaired last one, computes the parity in at most four steps",
        parity.four_steps, 4, {"an unpaired one goes too": without_pairing}, False,
    ),
    *claimed(
        "process.6two", "Masking everything, inserting after every zero, and deleting all but the last mask of an odd length "
        "computes the parity in at most two steps", parity.two_steps, 2, {"insertion after ones": without_insertion}, False,
    ),
    Claim(
        id="process.6least",
        statement="No single step makes a string of tokens shorter, so that two or more bits need two steps for their parity.",
        source=f"{OURS}, process.6least", quantifier="for all", kind="lower", routes=("enumeration",), check=one_step,
        tolerance="none: counts", inputs=edited, examples=40, fixtures=({"rows": [[(0, 0, True, False, True)]], "d": 1},),
        variants={"each becomes longer": partial(one_step, more=1)},
    ),
    Claim(
        id="process.6.constant",
        statement=(
            "As for masked diffusion of a fixed length, at every length two steps get the parity of some string wrong, "
            "whatever the process."
        ),
        source="Svete, Sabharwal, arXiv 2510.13117, Corollary 3.3, carried over", quantifier="for all", kind="lower",
        status="reading", routes=("enumeration",), check=wrong_answers, tolerance="none: symbols", expected="refuted",
        see="process.6two", fixtures=({"n": 10},),
    ),
)  # fmt: skip
