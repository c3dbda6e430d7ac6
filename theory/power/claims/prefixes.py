"""All prefixes of a word in ceil(log2 N) steps, by lanes that are written again and by symbols written once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial

from hypothesis import strategies as st
from jaxtyping import Int
from torch import Tensor

from theory.ledger import Claim, Evidence, at_least, at_most, equal
from theory.power.claims.machine_inputs import EXACT, NONE, OURS, Words, automata_and_words, words_of
from theory.power.monoids import DFA, LANGUAGES, Monoid, transition_monoid
from theory.power.planners import MDM, View, run
from theory.power.prefixes import ladner_fischer, prefix_lanes, write_once_prefixes
from theory.power.trees import Circuit, halvings, products_of
from theory.reference import machines as reference

CIRCUITS: Mapping[str, Callable[[int], Circuit]] = {
    "doubling": lambda n: write_once_prefixes(n),
    "divided": lambda n: ladner_fischer(n),
}


def in_lanes(
    automaton: DFA, words: Words, lanes: int = 1, counter: bool = False, fewer: int = 0, first: int = 0
) -> Iterator[Evidence]:
    """Compare all prefixes written into lanes with products folded letter by letter; count steps and symbols.

    In the variants there is a symbol less, or `first` rounds are made before the length is looked at.
    """
    letters, monoid = words_of(automaton, words), transition_monoid(automaton)
    n = letters.shape[1]
    program = prefix_lanes(n, monoid.products, lanes, counter)
    done = run(program.machine, monoid.elements(letters), program.steps + (2 if counter else 0))
    yield equal("enumeration", done.account.steps, max(halvings(n), first), 0, effective=n > 1, note="steps")
    yield equal("enumeration", done.account.symbols, lanes * n + counter - fewer, NONE, note="symbols")
    yield equal("enumeration", done.account.reads, (2 + counter) * (n > 1), NONE, note="symbols read by a place")
    yield _prefixes(automaton, monoid, letters, done.last[:, program.results])


def round_shown(automaton: DFA, words: Words, shown: bool = True) -> Iterator[Evidence]:
    """Compare one lane with folded prefixes; in the variant every step looks like the first to the predictor."""
    letters, monoid = words_of(automaton, words), transition_monoid(automaton)
    program = prefix_lanes(letters.shape[1], monoid.products)
    machine = program.machine if shown else _forgetting(program.machine)
    done = run(machine, monoid.elements(letters), program.steps)
    yield _prefixes(automaton, monoid, letters, done.last[:, program.results])


def written_once(automaton: DFA, words: Words, circuit: str, swapped: bool = False) -> Iterator[Evidence]:
    """Compare all prefixes of a circuit, whose symbols are written once, with folded products; count its steps."""
    letters, monoid = words_of(automaton, words), transition_monoid(automaton)
    program = products_of(CIRCUITS[circuit](letters.shape[1]), monoid.products.T if swapped else monoid.products)
    done = run(program.machine, monoid.elements(letters), program.steps + 1)
    n = letters.shape[1]
    yield equal("enumeration", done.account.steps, halvings(n), 0, effective=n > 1, note="steps")
    yield equal("enumeration", done.account.rewritten, 0, 0, effective=n > 1, note="places written again")
    yield _prefixes(automaton, monoid, letters, done.last[:, program.results])


def doubling_symbols(n: int, off: int = 0, copies: bool = False) -> Iterator[Evidence]:
    """Compare the symbols of doubling with n R - 2^R + 1, by the circuit and by the sum over its rounds."""
    rounds, circuit = halvings(n), write_once_prefixes(n)
    claimed = n * rounds if copies else n * rounds - 2**rounds + 1 + off
    yield equal("enumeration", circuit.nodes, claimed, NONE, note="symbols")
    yield equal("closed form", sum(n - 2**r for r in range(rounds)), claimed, NONE, note="n - 2^r in round r + 1")
    yield equal("enumeration", circuit.depth, rounds, NONE, effective=n > 1, note="steps")


def divided_symbols(n: int, off: int = 0, later: int = 0) -> Iterator[Evidence]:
    """Compare the symbols of Ladner and Fischer's circuit with 4 n, at powers of two with their formula; its steps."""
    circuit = ladner_fischer(n)
    yield at_most("enumeration", circuit.nodes, 4 * n - 1, NONE, note="symbols")
    yield equal("enumeration", circuit.depth, halvings(n) + later, NONE, effective=n > 1, note="steps")
    if n & (n - 1) == 0:
        claimed = 4 * n - _fibonacci(halvings(n) + 5) + 1 + off
        yield equal("closed form", circuit.nodes, claimed, NONE, note="symbols at a power of two")


def all_copies_needed(n: int) -> Iterator[Evidence]:
    """Compare the symbols of write-once prefixes in ceil(log2 n) steps with n ceil(log2 n)."""
    circuit = write_once_prefixes(n)
    yield equal("enumeration", circuit.depth, halvings(n), NONE, note="steps")
    yield at_least("enumeration", circuit.nodes, n * halvings(n), NONE, note="symbols")


def _prefixes(automaton: DFA, monoid: Monoid, letters: Tensor, products: Tensor) -> Evidence:
    """Compare the products of all prefixes with their folds, as maps of states."""
    maps = list(zip(*automaton.transitions, strict=True))
    wanted = [[reference.fold(maps, word[: k + 1]) for k in range(len(word))] for word in letters.tolist()]
    return equal("enumeration", monoid.maps[products], wanted, 0, note="prefixes")


def _forgetting(machine: MDM) -> MDM:
    """Return the machine that takes every step for the first."""

    def predictor(view: View) -> Int[Tensor, "batch written"]:
        view.step = 1
        return machine.predictor(view)

    return replace(machine, planner=lambda string, step: machine.planner(string, 1), predictor=predictor)


def _fibonacci(k: int) -> int:
    """Return F(k) with F(1) = F(2) = 1."""
    before, now = 0, 1
    for _ in range(k - 1):
        before, now = now, before + now
    return now


SHORT = tuple({"automaton": LANGUAGES[name], "words": n} for name in ("S3", "a*b*") for n in (1, 2, 3, 6, 9))
LENGTHS = tuple({"n": n} for n in (1, 2, 3, 4, 7, 16, 33, 127, 128, 129, 1000, 1024, 4096))
CLAIMS = (
    Claim(
        id="reasoning.2",
        statement=(
            "With resampling all N prefix products are written in exactly ceil(log2 N) steps into one lane of N symbols, "
            "if planner and predictor see the number of the step."
        ),
        source=f"{OURS}, reasoning.2", quantifier="for all", kind="equality", routes=("enumeration",), check=in_lanes,
        tolerance=EXACT, inputs=automata_and_words, examples=7, fixtures=SHORT,
        variants={
            "one symbol less": partial(in_lanes, fewer=1), "one round before the length is looked at": partial(in_lanes, first=1),
        },
    ),
    Claim(
        id="reasoning.2two",
        statement="Two lanes that are written in turn hold all prefixes after as many steps, in 2N symbols.",
        source=f"{OURS}, reasoning.2", quantifier="for all", kind="equality", routes=("enumeration",),
        check=partial(in_lanes, lanes=2), tolerance=EXACT, inputs=automata_and_words, examples=5, fixtures=SHORT,
        variants={"one symbol less": partial(in_lanes, lanes=2, fewer=1)},
    ),
    Claim(
        id="reasoning.2counter",
        statement=(
            "If planner and predictor see the string alone, one symbol that counts rounds is enough beside the lane: N + 1 "
            "symbols, and the run stays as it is after ceil(log2 N) steps."
        ),
        source=f"{OURS}, reasoning.2", quantifier="for all", kind="equality", routes=("enumeration",),
        check=partial(in_lanes, counter=True), tolerance=EXACT, inputs=automata_and_words, examples=5, fixtures=SHORT,
        variants={"one symbol less": partial(in_lanes, counter=True, fewer=1)},
    ),
    Claim(
        id="reasoning.2shown",
        statement="The predictor of one lane needs the round that it is in: with it all prefixes are right.",
        source=f"{OURS}, reasoning.2", quantifier="for all", kind="equality", routes=("enumeration",), check=round_shown,
        tolerance=EXACT, inputs=automata_and_words, examples=6, fixtures=SHORT,
        variants={"every step looks like the first": partial(round_shown, shown=False)},
    ),
    Claim(
        id="reasoning.2once",
        statement=(
            "Without resampling all prefixes take ceil(log2 N) steps, by doubling and by Ladner and Fischer's circuit."
        ),
        source=f"{OURS}, reasoning.2", quantifier="for all", kind="equality", routes=("enumeration",), check=written_once,
        tolerance=EXACT, examples=7,
        inputs=lambda: st.builds(lambda drawn, circuit: {**drawn, "circuit": circuit}, automata_and_words(), st.sampled_from(tuple(CIRCUITS))),
        fixtures=tuple({**s, "circuit": circuit} for s in SHORT for circuit in CIRCUITS),
        variants={"left and right swapped": partial(written_once, swapped=True)},
    ),
    Claim(
        id="reasoning.2symbols",
        statement=(
            "Doubling that does not copy finished prefixes writes N R - 2^R + 1 symbols, R = ceil(log2 N)."
        ),
        source=f"{OURS}, reasoning.2", quantifier="for all", kind="equality", routes=("enumeration", "closed form"),
        check=doubling_symbols, tolerance=EXACT, inputs=lambda: st.fixed_dictionaries({"n": st.integers(1, 300)}),
        examples=12, fixtures=LENGTHS,
        variants={"one symbol less": partial(doubling_symbols, off=-1), "with copies": partial(doubling_symbols, copies=True)},
    ),
    Claim(
        id="reasoning.2few",
        statement=(
            "Fewer than 4N symbols are enough without resampling, at the same number of steps: 4N - F(m + 5) + 1 at "
            "N = 2^m, F the Fibonacci numbers (Ladner and Fischer's circuit)."
        ),
        source=f"{OURS}, reasoning.2", quantifier="for all", kind="upper", routes=("enumeration", "closed form"),
        check=divided_symbols, tolerance=EXACT, inputs=lambda: st.fixed_dictionaries({"n": st.integers(1, 300)}),
        examples=12, fixtures=LENGTHS,
        variants={"one symbol less": partial(divided_symbols, off=-1), "one step less": partial(divided_symbols, later=-1)},
    ),
    Claim(
        id="reasoning.2copies",
        statement="Without resampling all prefixes in ceil(log2 N) steps take at least N ceil(log2 N) symbols.",
        source=f"{OURS}, reasoning.2", quantifier="for all", kind="lower", routes=("enumeration",), check=all_copies_needed,
        tolerance=EXACT, expected="refuted", see="reasoning.2symbols", fixtures=({"n": 2}, {"n": 64}),
    ),
)  # fmt: skip
