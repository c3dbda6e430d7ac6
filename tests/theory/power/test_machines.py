"""Planners and predictors: the numbers of arXiv 2510.13117, against automata-lib, sympy and torch's own attention."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from automata.fa.dfa import DFA as LibraryDFA
from automata.fa.nfa import NFA as LibraryNFA
from sympy.combinatorics import Permutation, PermutationGroup
from torch import Tensor

from theory.power.causal import Copies, Model, chain_of_thought, denoiser, inside_chain, with_copies
from theory.power.light_cones import accuracies, best_accuracy, deciding_planner, least_steps, parity_tree
from theory.power.looped import Looped, as_masked_diffusion, block_from, coordinates, loops
from theory.power.monoids import DFA, LANGUAGES, language, solvable, subgroups, transition_monoid, word_problem
from theory.power.planners import by_confidence, by_rank, merged, run
from theory.power.prefixes import ladner_fischer, parallel_chain, prefix_lanes, write_once_prefixes
from theory.power.trees import (
    balanced_tree,
    bottom_up,
    chain,
    halvings,
    one_at_a_time,
    products_of,
    random_orders,
    state_tracking,
    success_probability,
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


LENGTHS = (*range(2, 65), 127, 128, 129, 1000, 1024, 4096)
SIZES = {"parity": 2, "mod 3": 3, "a*b*": 5, "(ab)*": 6, "contains aba": 12, "S3": 6, "S4": 24, "S5": 120}
WORDS = 1000


def _library(automaton: DFA, start: int | None = None, accepting: set[int] | None = None) -> LibraryDFA:
    letters = "ab"[: automaton.letters]
    return LibraryDFA(
        states=set(range(automaton.states)),
        input_symbols=set(letters),
        transitions={q: dict(zip(letters, row, strict=True)) for q, row in enumerate(automaton.transitions)},
        initial_state=automaton.start if start is None else start,
        final_states=set(automaton.accepting) if accepting is None else accepting,
    )


def _words(n: int, count: int = WORDS) -> Tensor:
    return torch.randint(2, (count, n), generator=torch.Generator().manual_seed(n))


def _letter_by_letter(automaton: DFA, words: Tensor) -> np.ndarray[Any, Any]:
    table = np.array(automaton.transitions)
    state = np.full(len(words), automaton.start)
    for letters in words.numpy().T:
        state = table[state, letters]
    return np.isin(state, automaton.accepting)


def _whole(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.randint(-4, 5, shape, generator=generator)


def _model(n: int, outputs: int, layers: int, width: int = 4, seed: int = 0) -> Model:
    g = torch.Generator().manual_seed(seed)
    block = block_from(_whole(g, layers * (4 * width * width + 12 * width)).tolist(), layers, width, 6)
    rows = _whole(g, 4, width), _whole(g, n + outputs, width), _whole(g, width, 3), _whole(g, width)
    return Model(block, *rows, n)


EQUIVALENT = {
    "parity": LibraryDFA.count_mod({"a", "b"}, 2, remainders={1}, symbols_to_count={"b"}),
    "mod 3": LibraryDFA.count_mod({"a", "b"}, 3, remainders={0}, symbols_to_count={"b"}),
    "(ab)*": LibraryDFA.from_nfa(LibraryNFA.from_regex("(ab)*", input_symbols={"a", "b"})),
    "a*b*": LibraryDFA.from_nfa(LibraryNFA.from_regex("a*b*", input_symbols={"a", "b"})),
    "contains aba": LibraryDFA.from_substring({"a", "b"}, "aba"),
}


@pytest.mark.parametrize("name", LANGUAGES)
def test_automata_are_minimal_and_those_of_their_languages(name: str) -> None:
    ours = _library(language(name))
    assert len(ours.minify().states) == len(ours.states)
    if name in EQUIVALENT:
        assert ours == EQUIVALENT[name]


@pytest.mark.parametrize("name", [n for n in LANGUAGES if n != "S5"])
def test_monoid_sizes_are_those_of_the_library_s_runs(name: str) -> None:
    """The monoid has as many elements as there are maps from a state to the state after a word, run by the library."""
    automaton = language(name)
    machines = [_library(automaton, start, set(range(automaton.states))) for start in range(automaton.states)]
    maps: dict[tuple[int, ...], str] = {}
    queue = [""]
    for word in queue:
        reached = tuple(machine.read_input(word) for machine in machines)
        if reached not in maps:
            maps[reached] = word
            queue += [word + "a", word + "b"]
    assert len(maps) == len(transition_monoid(automaton)) == SIZES[name]


@pytest.mark.parametrize("n", [3, 4, 5])
def test_word_problems_have_the_groups_that_sympy_knows(n: int) -> None:
    group = PermutationGroup(Permutation([*range(1, n), 0]), Permutation([1, 0, *range(2, n)]))
    monoid = transition_monoid(word_problem(n))
    assert torch.equal(monoid.products, transition_monoid(language(f"S{n}")).products)
    assert len(monoid) == group.order() == math.factorial(n)
    assert solvable(monoid) == group.is_solvable
    assert [len(g) for g in subgroups(monoid)] == [math.factorial(n)]


@pytest.mark.parametrize(("n", "expected"), [(4, True), (5, False)])
def test_one_unsolvable_group_beside_a_solvable_one_is_enough(n: int, expected: bool) -> None:
    """S_n with a letter that leads everywhere to one last state: the groups are S_n and one element."""
    table = [((i + 1) % n, (1, 0, *range(2, n))[i], n) for i in range(n)]
    monoid = transition_monoid(DFA("with a sink", (*table, (n, n, n)), 0, (0,)))
    assert sorted(len(group) for group in subgroups(monoid)) == [1, math.factorial(n)]
    assert solvable(monoid) == expected


def test_only_the_word_problem_of_s5_is_complete() -> None:
    assert [name for name, a in LANGUAGES.items() if not solvable(transition_monoid(a))] == ["S5"]


@pytest.mark.parametrize("name", LANGUAGES)
def test_the_tree_decides_in_log_n_steps_with_n_minus_one_symbols(name: str) -> None:
    automaton = language(name)
    monoid = transition_monoid(automaton)
    for n in LENGTHS:
        words, program = _words(n), products_of(balanced_tree(n), monoid.products)
        done = run(program.machine, monoid.elements(words), halvings(n) + 1)
        assert done.account.symbols == n - 1
        assert done.account.steps.eq(math.ceil(math.log2(n))).all()
        assert done.account.parallel.eq(n // 2).all() and done.account.rewritten.eq(0).all()
        decided = monoid.accepts[done.last[:, program.results[0]]]
        assert np.array_equal(decided.numpy(), _letter_by_letter(automaton, words)), n


@pytest.mark.parametrize("name", LANGUAGES)
def test_the_tree_decides_every_short_word(name: str) -> None:
    monoid, ours = transition_monoid(language(name)), _library(language(name))
    for n in range(1, 11):
        words = torch.cartesian_prod(*[torch.arange(2)] * n).reshape(-1, n)
        program = products_of(balanced_tree(n), monoid.products)
        done = run(program.machine, monoid.elements(words), program.steps)
        decided = monoid.accepts[done.last[:, program.results[0]]].tolist()
        wanted = [ours.accepts_input("".join("ab"[k] for k in word)) for word in words.tolist()]
        assert decided == wanted, n


def test_state_tracking_takes_n_symbols_and_n_steps() -> None:
    program = state_tracking(language("S5"), 64)
    done = run(program.machine, _words(64, 20), 64)
    assert (done.account.symbols, done.account.steps.tolist()) == (64, [64] * 20)
    assert np.array_equal(done.last[:, -1].eq(0).numpy(), _letter_by_letter(language("S5"), _words(64, 20)))


@pytest.mark.parametrize("n", [1, 2, 3, 8, 64, 129, 1000])
def test_all_prefixes(n: int) -> None:
    monoid = transition_monoid(language("S5"))
    elements = monoid.elements(_words(n, 5))
    wanted = list(itertools.accumulate(elements.T, lambda a, b: monoid.products[a, b]))
    programs = [products_of(build(n), monoid.products) for build in (write_once_prefixes, ladner_fischer)]
    programs += [prefix_lanes(n, monoid.products, lanes, counter) for lanes in (1, 2) for counter in (False, True)]
    for program in programs:
        done = run(program.machine, elements, halvings(n))
        assert torch.equal(done.last[:, program.results].T, torch.stack(wanted))
        assert done.account.steps.eq(halvings(n)).all()
    symbols = [program.machine.outputs for program in programs]
    assert symbols[0] == n * halvings(n) - 2 ** halvings(n) + 1
    assert symbols[1] < 4 * n and symbols[2:] == [n, n + 1, 2 * n, 2 * n + 1]


def test_symbols_of_prefixes() -> None:
    for n in range(1, 301):
        circuit = ladner_fischer(n)
        assert circuit.nodes < 4 * n and circuit.depth == halvings(n)
    assert (write_once_prefixes(1024).nodes, ladner_fischer(1024).nodes) == (9217, 3487)


@pytest.mark.parametrize("name", LANGUAGES)
def test_swapping_left_and_right_is_seen_in_products_of_non_commutative_monoids(name: str) -> None:
    monoid = transition_monoid(language(name))
    elements = monoid.elements(_words(8))
    forward, swapped = (products_of(balanced_tree(8), p) for p in (monoid.products, monoid.products.T))
    first, second = (run(p.machine, elements, 3).last[:, -1] for p in (forward, swapped))
    assert bool((first != second).any()) == (name not in ("parity", "mod 3"))
    alike = ("parity", "mod 3", "contains aba", "S3", "S4", "S5")
    assert torch.equal(monoid.accepts[first], monoid.accepts[second]) == (name in alike)


def test_light_cones() -> None:
    assert [least_steps(64, k) for k in (2, 3, 4)] == [6, 4, 3]
    assert [least_steps(1024, k) for k in (2, 3, 4)] == [10, 7, 5]
    for n, k in itertools.product((64, 1024), (2, 3, 4)):
        program, words = parity_tree(n, k), _words(n, 50)
        done = run(program.machine, words, program.steps + 1)
        assert torch.equal(done.last[:, program.results[0]], words.sum(-1) % 2)
        assert done.account.steps.eq(least_steps(n, k)).all() and done.account.reads <= k


@pytest.mark.parametrize(("n", "read"), [(3, [0, 2]), (4, [1, 2, 3]), (5, [0, 1, 2, 3])])
def test_no_function_of_fewer_bits_is_better_than_a_coin(n: int, read: list[int]) -> None:
    assert accuracies(n, read).eq(2 ** (n - 1)).all()
    assert best_accuracy(n, len(read)) == Fraction(1, 2) and best_accuracy(n, n) == 1


def test_constant_steps_fail_first_one_bit_beyond_the_light_cone() -> None:
    for k, sizes in ((2, (3, 5, 9)), (3, (4, 10, 28))):
        for steps, n in enumerate(sizes, 1):
            assert least_steps(n - 1, k) <= steps < least_steps(n, k)
            assert best_accuracy(n, k**steps) == Fraction(1, 2)


def test_a_planner_that_looks_decides_alone() -> None:
    words = _words(9)
    done = run(deciding_planner(9), words, 1)
    assert torch.equal(done.last[:, 9] == 1, words.sum(-1) % 2 == 1) and done.account.reads == 0


def test_uniform_order_and_the_planner() -> None:
    assert [1 / success_probability(balanced_tree(n)) for n in (4, 8, 16)] == [3, 63, 59535]
    assert [1 / success_probability(chain(n + 1)) for n in (1, 2, 5)] == [1, 2, 120]
    for n in (4, 8):
        p, draws = float(success_probability(balanced_tree(n))), 100_000
        orders = random_orders(n - 1, draws, torch.Generator().manual_seed(n))
        deviation = math.sqrt(p * (1 - p) / draws)
        assert abs(float(bottom_up(balanced_tree(n), orders).double().mean()) - p) < 3 * deviation


def test_guesses_in_all_orders() -> None:
    """Parity at N = 4: with three guessed bits in six orders exactly two thirds of the roots are right."""
    tree, products = balanced_tree(4), transition_monoid(language("parity")).products
    orders = torch.tensor(list(itertools.permutations(range(3)))).repeat_interleave(8, 0)
    guesses = torch.cartesian_prod(*[torch.arange(2)] * 3).repeat(6, 1)
    for word in itertools.product((0, 1), repeat=4):
        program = one_at_a_time(tree, products, orders, guesses)
        last = run(program.machine, torch.tensor([word]).expand(48, -1), 3).last
        assert int((last[:, -1] == sum(word) % 2).sum()) == 32


def test_twenty_loops_in_place_and_apart() -> None:
    model, words = _model(8, 4, 2), _words(8, 6)
    machine = Looped(model.block, model.embedding, model.positions, 8)
    states = loops(machine, words, 20)
    assert all(not torch.equal(a, b) for a, b in itertools.pairwise(states))
    there = run(as_masked_diffusion(machine, 20), words, 20, keep=True)
    apart = run(as_masked_diffusion(machine, 20, resampling=False), words, 20)
    for step, wanted in enumerate(states):
        assert torch.equal(coordinates(machine, there.strings[step + 1]), wanted)
        assert torch.equal(coordinates(machine, apart.last, step), wanted)
    assert (there.account.symbols, apart.account.symbols) == (12 * 4, 20 * 12 * 4)
    assert [as_masked_diffusion(machine, t).outputs for t in (1, 20, 1000)] == [48] * 3


def test_symbols_of_simulations() -> None:
    model = _model(16, 16, 2, seed=4)
    assert (with_copies(model, 16, square=True).outputs, with_copies(model, 16).outputs) == (1040, 544)
    words = torch.randint(3, (2, 16), generator=torch.Generator().manual_seed(1))
    done = run(with_copies(model, 16), words, 16)
    assert torch.equal(done.last[:, :32], chain_of_thought(model, words, 16)[-1])
    long = _model(64, 6, 4, seed=4)
    words = torch.randint(3, (1, 64), generator=torch.Generator().manual_seed(2))
    appended = inside_chain(long, words, 6)
    assert (appended.symbols, appended.steps) == (1680, 6)
    denoised = run(denoiser(long), words, 6, keep=True)
    assert denoised.account.rewritten.gt(0).all()
    assert all(torch.equal(a, b) for a, b in zip(appended.strings, denoised.strings[1:], strict=True))
    assert inside_chain(long, words, 6, at_once=False).steps == 24
    n = steps = 16
    count = 2 * steps * (n + steps + (n + steps) ** 2)
    assert (count, 2 * steps * (n + steps + 1) ** 2) == (33_792, 34_848)


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_real_attention_over_copies_is_causal_attention(layers: int) -> None:
    """Torch's attention in float64: exact to rounding at every depth over copies of the symbol, not over own copies."""
    g = torch.Generator().manual_seed(layers)
    places, width = 9, 8
    weights = torch.randn(layers, 4, width, width, generator=g, dtype=torch.float64) / 2
    rows = torch.randn(places, width, generator=g, dtype=torch.float64)

    def attended(states: Tensor, mask: Tensor) -> Tensor:
        for query, key, value, out in weights:
            mixed = torch.nn.functional.scaled_dot_product_attention(
                states @ query, states @ key, states @ value, attn_mask=mask
            )
            states = states + torch.tanh(mixed @ out)
        return states

    true = attended(rows, torch.ones(places, places, dtype=torch.bool).tril())
    gaps = []
    for own in (False, True):
        copies = Copies(places, own)
        gaps.append(float((attended(rows[copies.tokens], copies.allowed)[:places] - true).abs().max()))
    assert gaps[0] < 1e-12
    assert (gaps[1] < 1e-12) == (layers == 1)


def test_merged_models_follow_the_planner() -> None:
    monoid, tree = transition_monoid(language("S3")), balanced_tree(13)
    program = products_of(tree, monoid.products)
    elements = monoid.elements(_words(13, 50))
    planned = run(program.machine, elements, 4, keep=True)
    sizes = [tree.heights.count(height) for height in range(1, 5)]
    for machine in (
        by_confidence(program.machine, merged(program.machine), 0.9),
        by_rank(program.machine, merged(program.machine), sizes),
    ):
        followed = run(machine, elements, 4, keep=True)
        assert all(torch.equal(a, b) for a, b in zip(planned.strings, followed.strings, strict=True))
    one = run(by_rank(program.machine, merged(program.machine), [1] * 12), elements, 12)
    assert torch.equal(one.last, planned.last) and one.account.steps.eq(12).all()


def test_the_account_of_lanes() -> None:
    monoid = transition_monoid(language("parity"))
    done = run(prefix_lanes(8, monoid.products).machine, _words(8, 3), 3)
    account = done.account
    assert (account.symbols, account.reads) == (8, 2)
    assert account.steps.tolist() == account.calls.tolist() == [3] * 3
    assert account.parallel.tolist() == [8] * 3
    assert account.written.tolist() == [8 + 6 + 4] * 3 and account.rewritten.tolist() == [6 + 4] * 3
    assert len(done.strings) == 2


def test_only_unfinished_places_of_one_lane_are_written_again() -> None:
    """`prefix_lanes` with one lane: in round r the first 2^(r-1) prefixes are whole, and left alone."""
    machine = prefix_lanes(16, transition_monoid(word_problem(2)).products).machine
    string = torch.zeros(1, 32, dtype=torch.int64)
    assert [int(machine.planner(string, r).sum()) for r in (1, 2, 3, 4)] == [16, 14, 12, 8]


def test_blanks_are_one_more_than_the_letters() -> None:
    """A looped transformer embeds its `letters` and, behind them, a blank."""
    embedding = torch.zeros(6, 4, dtype=torch.int64)
    assert Looped(None, embedding, torch.zeros(3, 4, dtype=torch.int64), 2).letters == 5  # type: ignore[arg-type]  # no blocks


@pytest.mark.parametrize("permuted, commutes", [(2, True), (3, False)])
def test_which_groups_are_commutative(permuted: int, commutes: bool) -> None:
    assert transition_monoid(word_problem(permuted)).commutative is commutes


@pytest.mark.parametrize("n", [2, 5, 8, 13])
def test_a_parallel_chain_of_thought_reads_only_what_earlier_steps_wrote(n: int) -> None:
    """`parallel_chain`: all prefixes in ceil(log2 n) steps of n symbols each, none of them written again."""
    monoid = transition_monoid(word_problem(3))
    program = parallel_chain(n, monoid.products)
    elements = torch.randint(len(monoid.products), (20, n), generator=torch.Generator().manual_seed(n))
    found = run(program.machine, elements, program.steps)
    expected = [list(itertools.accumulate(row, lambda a, b: int(monoid.products[a, b]))) for row in elements.tolist()]
    assert found.last[:, program.results].tolist() == expected
    assert (program.steps, found.account.symbols) == (halvings(n), n * halvings(n))
    first_of_step = n + torch.arange(halvings(n)).repeat_interleave(n) * n
    assert program.machine.window is not None
    assert bool((program.machine.window.amax(-1) < first_of_step).all())
