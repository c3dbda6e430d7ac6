"""A prompt as a smaller world: every engine on it against `start=`, and against the definitions in fractions."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from theory import worlds
from theory.denoisers import TableDenoiser
from theory.errors import InvalidInput
from theory.ledger import strategies
from theory.prompted import prompted, prompted_rows
from theory.reference import laws as reference
from theory.unmasking import best_rules, comparison, curves, laws, likelihood, losses, sampling, walks
from theory.unmasking.rules.after_prompt import after_prompt
from theory.unmasking.rules.base import Rule
from theory.unmasking.rules.halton import Halton
from theory.unmasking.rules.punt import Punt
from theory.unmasking.rules.sampled import SampledConfidence
from theory.unmasking.rules.sets import Dilated, EntropyBounded, LeftToRight, RandomOne, Threshold, TopK
from theory.worlds import TableWorld, World, states
from theory.worlds.long import long_pairs, long_parity, long_repetition
from theory.worlds.table import table_of

RULES: list[Rule] = [
    RandomOne(), LeftToRight(2), TopK(2), TopK(1, "entropy"), Threshold(0.3), EntropyBounded(0.4), Punt(0.05),
    SampledConfidence(),
]  # fmt: skip
WORLDS: list[World] = [
    worlds.dirichlet(4, 3, 1.0, Generator().manual_seed(0)),
    worlds.dirichlet(5, 2, 1.0, Generator().manual_seed(1), support=9),
    worlds.even_parity(4, 3), worlds.copied_pairs(2), worlds.mds_code(4, 2, 5),
    worlds.markov_chain([[0.9, 0.1], [0.3, 0.7]], 5),
    worlds.hidden_markov_model([[0.9, 0.1], [0.3, 0.7]], [[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]], 4),
    worlds.product([[0.2, 0.8], [0.5, 0.5], [1.0, 0.0]]), long_repetition(2, 2), long_pairs(2), long_parity(4),
]  # fmt: skip


def random_table(n: int, d: int, seed: int) -> TableDenoiser:
    """Return conditionals that no law has."""
    logits = torch.randn((d + 1) ** n, n, d, dtype=torch.float64, generator=Generator().manual_seed(seed))
    return TableDenoiser(logits.log_softmax(-1), "random rows")


def a_start(world: World, shown: int, seed: int = 0) -> Tensor:
    """Return a possible state that shows `shown` tokens."""
    generator = Generator().manual_seed(seed)
    x, order = world.sample(1, generator)[0], torch.randperm(world.n, generator=generator)
    z = torch.full((world.n,), world.d)
    z[order[:shown]] = x[order[:shown]]
    return z


@settings(max_examples=60, deadline=None, derandomize=True)
@given(strategies.worlds(n=(2, 4)), st.integers(0, 80), st.integers(1, 15))
def test_the_smaller_law_is_the_conditional_law_in_fractions(world: TableWorld, row: int, mask: int) -> None:
    law, d = reference.exact(world), world.d
    x = sorted(law)[row % len(law)]
    mask = mask % (2**world.n - 1) + 1
    start = [d if mask >> i & 1 else token for i, token in enumerate(x)]
    p = prompted(world, start)
    mass = reference.marginal(law, tuple(start), d)
    positions = [i for i, token in enumerate(start) if token == d]
    wanted = {tuple(x[i] for i in positions): q / mass for x, q in law.items() if reference.agrees(x, tuple(start), d)}
    assert isinstance(p.world, TableWorld) and reference.exact(p.world) == wanted
    assert p.positions.tolist() == positions
    assert p.log_prompt == pytest.approx(math.log(mass), abs=1e-12)
    few = reference.conditionals_of(reference.exact(p.world), d)
    for z in reference.states(p.n, d):
        whole = tuple(p.whole(torch.tensor(z)).tolist())
        for place, i in enumerate(positions):
            for v in range(d):
                assert z[place] != d or few(z, place, v) == reference.conditional(law, whole, i, v, d)


@pytest.mark.parametrize("world", WORLDS, ids=lambda w: w.name)
@pytest.mark.parametrize("shown", [0, 1, 2])
def test_every_type_of_world_leaves_the_law_that_its_table_leaves(world: World, shown: int) -> None:
    start = a_start(world, shown)
    p, listed = prompted(world, start), prompted(table_of(world), start)
    assert type(p.world) is type(world) or type(world).__name__ == "_Parity"
    torch.testing.assert_close(p.world.law(), listed.world.law(), rtol=0, atol=1e-14)
    assert p.log_prompt == pytest.approx(listed.log_prompt, abs=1e-12)
    z = states.all_states(p.n, p.d)
    possible = p.world.log_marginal(z) > -torch.inf
    own, whole = p.world.conditionals(z)[possible], world.conditionals(p.whole(z))[possible]
    torch.testing.assert_close(own, whole[:, p.positions], rtol=0, atol=1e-13)


@pytest.mark.parametrize("world", WORLDS, ids=lambda w: w.name)
def test_the_chain_rule(world: World) -> None:
    start = a_start(world, 2, seed=3)
    p, x = prompted(world, start), world.given(start).sample(20, Generator().manual_seed(4))
    torch.testing.assert_close(p.log_prompt + p.world.log_prob(p.part(x)), world.log_prob(x), rtol=0, atol=1e-12)
    assert torch.equal(p.whole(p.part(x)), x)


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.name)
@pytest.mark.parametrize("own", [False, True], ids=["exact", "denoiser"])
def test_a_walk_on_the_smaller_world_is_the_walk_from_the_start(rule: Rule, own: bool) -> None:
    world = worlds.dirichlet(4, 3, 1.0, Generator().manual_seed(0))
    denoiser = random_table(4, 3, 1) if own else None
    start = torch.tensor([3, 1, 3, 3])
    p = prompted(world, start, denoiser)
    few, all_ = walks.walk(rule, p.world, p.denoiser), walks.walk(rule, world, denoiser, start)
    for name in ("divergence", "path_divergence", "model_error", "joint_dependence", "bound", "calls", "calls_of_data"):
        assert getattr(few, name) == pytest.approx(getattr(all_, name), abs=1e-12, nan_ok=True), name
    kept = all_.output.law()[all_.output.law() > 0] if not own else None
    if kept is not None:
        torch.testing.assert_close(few.output.law(), kept, rtol=0, atol=1e-13)


@pytest.mark.parametrize("own", [False, True], ids=["exact", "denoiser"])
def test_a_rule_that_looks_at_positions_is_shown_all_of_them(own: bool) -> None:
    """Dilated groups and a table over states, and one rule of each other kind, as from the start; not so without."""
    world, start = worlds.dirichlet(5, 2, 1.0, Generator().manual_seed(0)), torch.tensor([2, 0, 2, 2, 2])
    denoiser = random_table(5, 2, 1) if own else None
    p = prompted(world, start, denoiser)
    listed = best_rules.best_rule(world, 0.2, denoiser).rule
    for rule in (Dilated(2), Dilated(4), Halton(2), listed, RandomOne(), TopK(2), Punt(0.05), SampledConfidence()):
        few, all_ = walks.walk(after_prompt(rule, p), p.world, p.denoiser), walks.walk(rule, world, denoiser, start)
        assert few.rule == rule.name
        for name in ("divergence", "path_divergence", "bound", "calls"):
            assert getattr(few, name) == pytest.approx(getattr(all_, name), abs=1e-12, nan_ok=True), (rule.name, name)
    anew = walks.walk(Dilated(2), p.world, p.denoiser).divergence
    assert abs(float(anew) - float(walks.walk(Dilated(2), world, denoiser, start).divergence)) > 1e-4
    drawn = sampling.sample(after_prompt(Dilated(2), p), p.denoiser, 8, seed=0)
    assert torch.equal(p.whole(drawn.tokens)[:, 1], torch.zeros(8, dtype=torch.long))


def test_the_denoiser_of_a_world_s_own_prompt_is_the_smaller_world() -> None:
    world, start = worlds.dirichlet(3, 2, 1.0, Generator().manual_seed(0)), torch.tensor([2, 0, 2])
    for own in (None, world):
        p = prompted(world, start, own)
        assert p.denoiser is p.world


def test_a_percent_in_the_prompt_is_noticed() -> None:
    """The law after another prompt, or of a world one percent off, has another walk."""
    world = worlds.dirichlet(4, 3, 1.0, Generator().manual_seed(0))
    start = torch.tensor([3, 1, 3, 3])
    right = walks.walk(TopK(2), world, start=start).divergence
    bent = TableWorld(states.normalised(world.law() * torch.linspace(1, 1.01, 81)), 4, 3)
    for wrong in (prompted(world, [3, 2, 3, 3]), prompted(bent, start)):
        assert abs(float(walks.walk(TopK(2), wrong.world).divergence) - float(right)) > 1e-5


@pytest.mark.parametrize("schedule", ["linear", "squared sine"])
def test_a_schedule_after_a_prompt(schedule: str) -> None:
    world, denoiser = worlds.dirichlet(4, 3, 1.0, Generator().manual_seed(0)), random_table(4, 3, 1)
    start = [3, 1, 3, 3]
    for model in (None, denoiser):
        p = prompted(world, start, model)
        few = laws.sampler_law(schedule, p.world, p.denoiser, steps=2)
        all_ = laws.sampler_law(schedule, world, model, start, steps=2)
        assert few.divergence == pytest.approx(all_.divergence, abs=1e-12)
        assert few.path_divergence == pytest.approx(all_.path_divergence, abs=1e-12)
    exact = prompted(world, start).world
    found = comparison.compare(schedule, exact, 2)
    assert found.error == pytest.approx(float(laws.sampler_law(schedule, world, start=start, steps=2).path_divergence))
    assert found.optimum <= found.error


def test_likelihoods_after_a_prompt_agree_with_start_and_with_the_definition() -> None:
    world, denoiser = worlds.dirichlet(4, 3, 1.0, Generator().manual_seed(0)), random_table(4, 3, 1)
    start = torch.tensor([3, 1, 3, 3])
    p = prompted(world, start, denoiser)
    x = world.given(start).sample(6, Generator().manual_seed(5))
    few = likelihood.log_likelihood(EntropyBounded(0.4), p.denoiser, p.part(x))
    all_ = likelihood.log_likelihood(EntropyBounded(0.4), denoiser, x, start)
    torch.testing.assert_close(few.log_likelihood, all_.log_likelihood, rtol=0, atol=1e-13)
    assert torch.equal(few.calls, all_.calls)
    terms = likelihood.order_terms(p.denoiser, p.part(x))
    along = {order: [_along(denoiser, row, start, order) for row in x] for order in [(0, 2, 3), (3, 0, 2), (2, 3, 0)]}
    for order, wanted in along.items():
        own = likelihood.along(terms, torch.tensor([p.positions.tolist().index(i) for i in order]))
        assert own.tolist() == pytest.approx(wanted, abs=1e-12)
    orders = [(a, b, c) for a in (0, 2, 3) for b in (0, 2, 3) for c in (0, 2, 3) if len({a, b, c}) == 3]
    every = torch.tensor([[_along(denoiser, row, start, order) for order in orders] for row in x])
    torch.testing.assert_close(likelihood.elbo(terms), every.mean(-1).double(), rtol=0, atol=1e-6)
    torch.testing.assert_close(likelihood.best_order(terms)[0], every.amax(-1).double(), rtol=0, atol=1e-6)


def _along(denoiser, x: Tensor, start: Tensor, order: tuple[int, ...]) -> float:
    z, total = start.clone()[None], 0.0
    for i in order:
        total += float(denoiser(z)[0, i, x[i]])
        z[0, i] = x[i]
    return total


def test_the_nelbo_after_a_prompt_is_the_mean_over_orders_and_above_the_entropy() -> None:
    """The sum of the cross-entropies of the masked tokens, against all orders of every sequence."""
    world, denoiser = worlds.dirichlet(4, 2, 1.0, Generator().manual_seed(2)), random_table(4, 2, 3)
    start = [2, 1, 2, 2]
    p = prompted(world, start, denoiser)
    nelbo = float(losses.cross_entropies(p.world, p.denoiser).sum())
    x = states.all_sequences(3, 2)
    literal = -float(p.world.law() @ likelihood.elbo(likelihood.order_terms(p.denoiser, x)))
    assert nelbo == pytest.approx(literal, abs=1e-12)
    assert nelbo >= float(p.world.entropy() or 0)
    assert float(losses.cross_entropies(p.world).sum()) == pytest.approx(float(p.world.entropy() or 0), abs=1e-12)


@pytest.mark.parametrize("price", [0.0, 0.1, 0.4])
@pytest.mark.parametrize("own", [False, True], ids=["exact", "denoiser"])
def test_the_best_rule_after_a_prompt_is_the_best_of_all_rules_tried_one_by_one(price: float, own: bool) -> None:
    """Three bits, one shown: two masked positions leave three first sets and a forced second, so all can be listed."""
    world, start = TableWorld.from_weights([3, 1, 2, 5, 1, 1, 4, 2], 3, 2), [2, 0, 2]
    model = random_table(3, 2, 4) if own else None
    p = prompted(world, start, model)
    found = best_rules.best_rule(p.world, price, None if model is None else p.denoiser)
    law = reference.exact(world)
    ask = reference.conditionals_of(law, 2) if model is None else reference.rational_conditionals(model)
    mass = reference.marginal(law, tuple(start), 2)
    costs = []
    for blocks in ([(0, 2)], [(0,), (2,)], [(2,), (0,)]):
        cost = price * len(blocks)
        for x, q in law.items():
            if x[1] != 0:
                continue
            z, output = tuple(start), Fraction(1)
            for block in blocks:
                for i in block:
                    output *= Fraction(ask(z, i, x[i]))
                for i in block:
                    z = reference.with_token(z, i, x[i])
            cost += float(q / mass) * math.log(float(q / mass) / float(output))
        costs.append(cost)
    assert found.cost == pytest.approx(min(costs), abs=1e-10)
    hull = best_rules.frontier(p.world, denoiser=None if model is None else p.denoiser)
    assert min(o.at(price) for o in hull) == pytest.approx(min(costs), abs=1e-10)


def test_a_batch_of_tables_stays_a_batch() -> None:
    batch = TableWorld(
        torch.stack([worlds.dirichlet(3, 2, 1.0, Generator().manual_seed(k)).law() for k in range(3)]), 3, 2
    )
    p = prompted(batch, [2, 1, 2])
    together = walks.walk(TopK(2), p.world).divergence
    alone = [walks.walk(TopK(2), batch[k], start=[2, 1, 2]).divergence for k in range(3)]
    assert together.tolist() == pytest.approx(alone, abs=1e-13)
    assert torch.as_tensor(p.log_prompt).shape == (3,)


def test_a_world_of_any_other_type_is_asked_with_the_prompt_filled_in() -> None:
    world, start = worlds.dirichlet(4, 2, 1.0, Generator().manual_seed(0)), [2, 1, 2, 2]
    conditioned = _Other(world)
    p = prompted(conditioned, start)
    torch.testing.assert_close(p.world.law(), prompted(world, start).world.law(), rtol=0, atol=1e-13)
    assert p.world.sample(5, Generator().manual_seed(0)).shape == (5, 3)


class _Other(World):
    """A world that has no type of its own."""

    def __init__(self, world: World) -> None:
        self.inner, self.n, self.d, self.name = world, world.n, world.d, "other"

    def sample(self, count: int, generator: Generator | None = None) -> Tensor:
        return self.inner.sample(count, generator)

    def log_marginal(self, z: Tensor) -> Tensor:
        flat = z.reshape(-1, self.n)
        return self.inner.log_marginal(flat).reshape(z.shape[:-1])

    def conditionals(self, z: Tensor) -> Tensor:
        return self.inner.conditionals(z)

    def entropy(self) -> None:
        return None


def test_a_prompted_chain_of_a_thousand_tokens() -> None:
    """Its curve against a literal route at a small length, and its law and cost at n = 1000."""
    chain = worlds.markov_chain([[0.9, 0.1], [0.3, 0.7]], 1000)
    start = a_start(chain, 0)
    x = chain.sample(1, Generator().manual_seed(0))[0]
    start[:100], start[500:520] = x[:100], x[500:520]
    p = prompted(chain, start)
    curve = p.world.information_curve()
    assert curve.shape == (880,) and float(curve.diff().min()) > -1e-12
    whole = p.whole(p.world.sample(3, Generator().manual_seed(1)))
    torch.testing.assert_close(p.log_prompt + p.world.log_prob(p.part(whole)), chain.log_prob(whole), rtol=0, atol=1e-9)
    assert 0 < float(curves.per_token_error(curve, torch.linspace(0, 1, 65))) < float(curve.sum())
    assert float(likelihood.log_likelihood(TopK(1000), p.world, p.part(whole)).calls.double().mean()) == 1.0


def test_the_curve_of_a_prompted_chain_is_that_of_its_table() -> None:
    chain = worlds.markov_chain([[0.9, 0.1], [0.3, 0.7]], 8)
    start = [2, 2, 1, 2, 2, 0, 2, 2]
    law = reference.exact(prompted(table_of(chain), start).world)
    n = 6
    singles = [reference.subset_entropy(law, [i]) for i in range(n)]
    means = []
    for m in range(n + 1):
        sets = [s for s in _subsets(n) if len(s) == m]
        means.append(math.fsum(sum(singles[i] for i in s) - reference.subset_entropy(law, s) for s in sets) / len(sets))
    wanted = [b - a for a, b in itertools.pairwise(means)]
    assert prompted(chain, start).world.information_curve().tolist() == pytest.approx(wanted, abs=1e-12)


def _subsets(n: int) -> list[list[int]]:
    return [[i for i in range(n) if code >> i & 1] for code in range(2**n)]


def test_starts_of_different_lengths_are_measured_in_groups() -> None:
    world, denoiser = worlds.dirichlet(4, 3, 1.0, Generator().manual_seed(0)), random_table(4, 3, 1)
    starts = torch.tensor([[3, 1, 3, 3], [0, 1, 3, 3], [3, 2, 3, 3], [3, 1, 3, 3], [3, 3, 3, 3]])
    rows = prompted_rows(world, starts, denoiser)
    assert [group.rows for group in rows.groups] == [(0, 2, 3), (1,), (4,)]
    asked = []

    def kl(p):
        asked.append(p.n)
        return walks.walk(TopK(2), p.world, p.denoiser).divergence

    wanted = [walks.walk(TopK(2), world, denoiser, start).divergence for start in starts]
    assert rows.measured(kl).tolist() == pytest.approx(wanted, abs=1e-12)
    assert sorted(asked) == [2, 3, 3, 4]
    x = torch.stack([world.given(start).sample(1, Generator().manual_seed(k))[0] for k, start in enumerate(starts)])
    exact = [float(world.log_prob(x[k : k + 1]) - world.log_marginal(starts[k : k + 1])) for k in range(5)]
    assert rows.log_prob(x).tolist() == pytest.approx(exact, abs=1e-12)
    scores = likelihood.log_likelihood(TopK(2), denoiser, x, starts).log_likelihood
    singly = [
        float(likelihood.log_likelihood(TopK(2), p.denoiser, p.part(x[k])[None]).log_likelihood)
        for k, p in enumerate(prompted(world, start, denoiser) for start in starts)
    ]
    assert scores.tolist() == pytest.approx(singly, abs=1e-12)


def test_sampling_takes_a_start_for_each_row() -> None:
    """Rows keep their prompts, cost what they mask, and have the law of the walk from their start."""
    world = worlds.dirichlet(3, 2, 1.0, Generator().manual_seed(0))
    count = 40_000
    starts = torch.tensor([[2, 1, 2], [0, 2, 2], [2, 2, 2], [1, 0, 1]])
    drawn = sampling.sample(TopK(1), world, starts.repeat_interleave(count, 0), seed=0)
    for k, start in enumerate(starts):
        rows = drawn.tokens[k * count : (k + 1) * count]
        assert bool((rows[:, start != 2] == start[start != 2]).all())
        assert drawn.nfe[k * count : (k + 1) * count].unique().tolist() == [int((start == 2).sum())]
        wanted = world.given(start).law()
        seen = torch.bincount(rows @ torch.tensor([4, 2, 1]), minlength=8) / count
        assert float((seen - wanted).abs().max()) < math.sqrt(math.log(2 * 32 / 1e-9) / (2 * count))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: prompted([[0.5, 0.5]], [1, 2]), "list where a world belongs"),  # type: ignore[arg-type]  # wrong on purpose
        (lambda: prompted(worlds.even_parity(3), [0, 0, 0]), "masks nothing"),
        (lambda: prompted(worlds.repetition(3), [0, 1, 2]), "probability zero"),
        (lambda: prompted(worlds.even_parity(3), [0, 0]), "expected n = 3 positions"),
        (lambda: prompted(worlds.even_parity(3), torch.zeros(2, 3, dtype=torch.long)), "use prompted_rows"),
        (lambda: prompted(worlds.even_parity(3), [0, 2, 2], worlds.even_parity(4)), "n = 4 beside a world"),
        (lambda: prompted(worlds.even_parity(3), [0, 2, 2]).part(torch.tensor([1, 0, 0])), "does not show the prompt"),
        (lambda: prompted_rows(worlds.even_parity(3), torch.zeros(3, dtype=torch.long)), "expected at least one row"),
        (
            lambda: prompted_rows(worlds.even_parity(3), torch.tensor([[0, 2, 2]])).measured(lambda p: torch.ones(2)),
            "one number for each prompt",
        ),
    ],
)
def test_wrong_input_is_refused_in_a_sentence(call, message: str) -> None:
    with pytest.raises(InvalidInput, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
