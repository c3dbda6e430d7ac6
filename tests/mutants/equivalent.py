"""Faults that change no result, each with the reason: they count neither as noticed nor as survived."""

from __future__ import annotations

EQUIVALENT: dict[str, str] = {
    "theory.energy.closed_forms:beta_landscape y > 0: > -> >= #1": (
        "where y is 0 the closed form is infinite, and so is the value for shapes without finite energy"
    ),
    "theory.energy.quadrature:_sum 1 -> 2 #1": "one more summand at the far end, where the weight has underflowed",
    "theory.grids:step_reveal_probabilities alpha[..., 1:] <= 0.5: <= -> < #1": "at 1/2 both differences are exact",
    "theory.ledger.certificates:certify_nonnegative centre < 0: < -> <= #2": (
        "a centre that is exactly 0 has been accepted before, as not negative"
    ),
    "theory.ledger.checking:examine_all 1 -> 2 #2": "two claims are checked one after the other, with the same results",
    "theory.ledger.checking:examine_all len(identifiers) == 1: == -> != #1": (
        "claims are checked one after the other or side by side, with the same results"
    ),
    "theory.power.dyck:inserting 0 -> 1 #2": "what is written beside a mask is not looked at",
    "theory.power.programs:_edit 0 -> 1 #1": "what is written where a mask is deleted is not looked at",
    "theory.remasking.sampling:draw_tokens u * cumulative[:, -1:]: * -> / #1": (
        "the last sum of probabilities is one, up to rounding"
    ),
    "theory.ledger.shannon:least_value 5040 -> 5041 #1": "another denominator is tried; candidates are checked exactly",
    "theory.remasking.sampling:draw_tokens 1 -> 2 #4": "a second uniform number is drawn and not used",
    "theory.remasking.sampling:_asked 3 -> 4 #1": "the answer of a world or a table is checked once more, and passes",
    "theory.remasking.schedules:plan times[k + 1] <= end + SLACK: <= -> < #1": (
        "a time would have to lie exactly one slack behind the end of the window"
    ),
    "theory.schedules:Schedule.start_order -500 -> 500 #1": "the next pair of times answers with the same accuracy",
    "theory.speculation.accounting:CallCount.__init__ 0 -> 1 #1": "every path has a window, and every window a step",
    "theory.speculation.bounds:window_progress 1 -> 2 #1": "this argument is only checked to be positive",
    "theory.speculation.coupling:reflect 1.0 -> 2.0 #1": "the denominator of a branch that is not taken",
    "theory.speculation.quadrature:_parts -u -> u #1": "the normal density is even",
    "theory.speculation.statistics:distance_between True -> False #1": (
        "left and right limits of the two functions run through the same differences"
    ),
    "theory.unmasking.best_rules:_Programme.solve max(1.0, price): max -> min #1": (
        "the slack of ties: the costs of two choices differ by far more, or by rounding"
    ),
    "theory.unmasking.best_rules:_Programme.solve 1.0 -> 2.0 #1": (
        "the slack of ties: the costs of two choices differ by far more, or by rounding"
    ),
    "theory.unmasking.evaluation:family_remarks torch.rand(64, 6, generator=generator) < 0.7: < -> <= #1": (
        "no number that is drawn equals .7"
    ),
    "theory.unmasking.losses:cross_entropy_by_count 0 -> 1 #1": "another seed for what is drawn",
    "theory.unmasking.optimal:least_error_bound SLACK * len(z) * float(z.max()): * -> / #1": (
        "the allowance for rounding, far below what is compared"
    ),
    "theory.unmasking.rules.actions:winning worse / worse[:, :1]: / -> * #1": (
        "the probabilities sum to one, up to rounding"
    ),
    "theory.unmasking.walks:_Sweep.layer self.flow[:, :, here].sum((0, -1)): sum -> mean #1": (
        "only whether the flow is positive is asked"
    ),
    "theory.unmasking.sampling:sample seed + 1: + -> - #1": "another seed",
    "theory.unmasking.rules.sampled:SampledConfidence.outcomes 1.0 -> 2.0 #1": "any negative number marks the revealed",
    "theory.unmasking.rules.sampled:SampledConfidence.step 1.0 -> 2.0 #1": "any negative number marks the revealed",
    "theory.unmasking.curves:rounded_sizes n * alpha + 0.5: + -> - #1": (
        "every node falls by one whole token, and sizes are differences of nodes"
    ),
    "theory.unmasking.bounds:doubling_sizes 1 -> 2 #2": "the loop ends by itself before this bound on its rounds",
    "theory.grids:geometric_grid steps >= 1: >= -> > #1": "one uniform step has the same two nodes, 0 and 1",
    "theory.unmasking.rules.beam:beam True -> False #2": "fronts of this size are sorted stably in any case",
    "theory.unmasking.rules.compiled:from_logits False -> True #1": "how the rule is compiled, not what it selects",
    "theory.unmasking.rules.compiled:from_logits if compiled is not None: reversed #1": (
        "the selection runs without a compiler, and selects the same"
    ),
    "theory.unmasking.rules.info_gain:SampledInfoGain._draw 1 -> 2 #2": "a batch without rows, repeated twice",
    "theory.unmasking.rules.sets:Dilated.select 1 -> 2 #3": "groups are numbered by other numbers in the same order",
    "theory.unmasking.sampling:per_token_sizes 3 -> 4 #1": "another seed",
    "theory.unmasking.sampling:per_token_sizes True -> False #1": "no number that is drawn equals a node",
    "theory.worlds.base:draw_cells torch.rand(count, dtype=torch.float64, generator=generator) : * -> / #1": (
        "the last sum of probabilities is one, up to rounding"
    ),
    "theory.worlds.base:draw_cells len(law) - 1 -> len(law) #1": (
        "the index is too large only where a product is rounded up to the sum, once in 2^53 draws"
    ),
    "theory.worlds.curves:chain_curve found.clamp(min=0): clamp dropped #1": (
        "an information below zero is rounding, and the curve is cut at zero at the end"
    ),
    "theory.worlds.long:_Parity.__init__ True -> False #1": "the rows of each factor all have the same sum",
    "theory.worlds.smoothing:_reach math.ceil(lost / 3 + math.sqrt(lost ** 2 / 9 + 2 * lost * va: ceil -> floor #1": (
        "one weight less at each end of a window, where they are below e^-39"
    ),
    "theory.worlds.support:SupportWorld._matches 1 -> 2 #1": "how many states are compared at a time",
    "theory.worlds.table:_read 0 -> 1 #2": "all axes are equally long",
    "theory.worlds.table:_completed 1 -> 2 #2": "two cells and two or more symbols are one position by either branch",
    "theory.worlds.tree:TreeWorld._check_factors True -> False #1": "the two lists have been found equally long before",
    "theory.energy.quadrature:_sum round(LAST / step) + 1: + -> - #1": (
        "two summands less at the far end, where the weight has underflowed"
    ),
    "theory.grids:step_reveal_probabilities np.clip(reveal, 0.0, 1.0) -> reveal #1": "they leave [0, 1] by rounding",
    "theory.ledger.checking:_examine_here 1 -> 2 #1": "another number of threads",
    "theory.remasking.sampling:draw_tokens log_p.shape[-1] - 1: - -> + #1": (
        "the index is too large only where a product is rounded up to the sum"
    ),
    "theory.schedules:Schedule.start_order 130 -> 131 #1": "another pair of times answers with the same accuracy",
    "theory.remasking.stationary:_stationary 1 -> 2 #3": "a second right-hand side, whose solution is not read",
    "theory.speculation.quadrature:grid 1.0 -> 2.0 #1": "a coarser grid, on which the quadrature is still exact",
    "theory.unmasking.curves:best_many_step_constant slope.clamp(min=0): clamp dropped #1": (
        "a slope below zero is rounding"
    ),
    "theory.unmasking.evaluation:plot 2.4 -> 3.4 #1": "the size of a picture",
    "theory.unmasking.optimal:least_error_bound z.max(): max -> min #2": (
        "the allowance for rounding, far below what is compared"
    ),
    "theory.unmasking.riemann:_monotone_layer np.maximum(rows - half, 0): maximum -> minimum #1": (
        "the search for the same minimum starts further to the left"
    ),
    "theory.power.dyck:recognise x[:, :-1] < kinds: < -> <= #1": (
        "what would follow the first closing bracket is a mask, and beside masks nothing is matched"
    ),
    "theory.power.embeddings:left_to_right state.masked & last: & -> | #1": (
        "what follows a string that is done is asked for and not written"
    ),
    "theory.power.embeddings:left_to_right 0 -> 1 #1": ("what is written beside a mask is not looked at"),
    "theory.power.expressions:_when_ready window.clamp(min=0): clamp dropped #1": (
        "what is read at a place that is no operand is not looked at"
    ),
    "theory.power.expressions:_when_ready 0 -> 1 #1": ("what is read at a place that is no operand is not looked at"),
    "theory.power.programs:_edit False -> True #1": ("a mask that is deleted is gone, whatever its other bits"),
    "theory.remasking.flow_corrector:flow_steps 1 - alpha > width * (1 + 1e-09): > -> >= #1": (
        "equality would need an alpha that is off by one part in a billion exactly"
    ),
    "theory.sgd.least_squares:mixture_entropy 0 -> 1 #2": (
        "the quadrature is given no inner points, and finds them by itself"
    ),
    "theory.training.coefficients:_crossings 2.0 -> 3.0 #2": ("the search ends at another point next to 1"),
    "theory.training.coefficients:_crossings values[1:].abs(): abs dropped #1": (
        "a zero at which the gap falls is the mirror image of one at which it rises, and mirror images are added"
    ),
    "theory.training.moments:sources (c.growth > 0) & (sums.squares > 0): & -> | #1": (
        "a class without growth, or without losses, adds nothing to the product"
    ),
    "theory.training.orders:_subsets 1 -> 2 #1": ("there is no subset larger than the whole"),
    "theory.training.pairs:_independent 0.0 -> 1.0 #3": (
        "pairs of sizes that add up to more than all have the share 0 later"
    ),
    "theory.training.preferences:Pair.differences True -> False #1": ("both lists hold two tables"),
    "theory.unmasking.block_orders:block_terms 1 -> 2 #1": ("one more copy of an index, of which the first is used"),
    "theory.unmasking.draw_laws:by_cells len(cuts) - 1: - -> + #1": ("one more part, without cells"),
    "theory.unmasking.draw_laws:_Scores.atoms self.scores > self._lowest: > -> >= #1": (
        "no score equals the end of the bisection"
    ),
    "theory.unmasking.low_precision:_noise (rank[1:] > rank[:-1]).all(): all -> any #1": (
        "equal values of the noise are listed apart, and together have the same chance"
    ),
    "theory.unmasking.rules.in_blocks:_beside 1 -> 2 #1": ("a group's calls have as many columns as its states"),
    "theory.unmasking.rules.in_blocks:_beside 0 -> 1 #1": ("one column of weight 0 for a batch without rows"),
    "theory.unmasking.rules.low_confidence:kept_sets max(m * m * d * d, len(sets) * len(values) * m): max -> min #1": (
        "an estimate of the memory that is needed"
    ),
    "theory.unmasking.rules.low_confidence:kept_sets m * m * d: * -> / #1": (
        "an estimate of the memory that is needed"
    ),
    "theory.unmasking.rules.low_confidence:kept_sets m * m: * -> / #1": ("an estimate of the memory that is needed"),
    "theory.worlds.remaining:_table True -> False #1": ("there is one weight for each cell"),
    "theory.worlds.remaining:_evidence 1.0 -> 2.0 #1": (
        "evidence is known up to a factor, which the normalisation removes"
    ),
    "theory.prompted:PromptedRows.measured True -> False #1": ("a group has one prompt for each of its rows"),
    "theory.prompted:PromptedRows.log_prob True -> False #1": ("a group has one prompt for each of its rows"),
    "theory.power.transition:_moved 2 -> 3 #1": ("another number beyond the last column, where it is cut"),
    "theory.training.quadrature:Rule.doubling first < DIVERGENT * second: < -> <= #1": (
        "two integrals would have to be equal to the last digit"
    ),
    "theory.training.quadrature:Rule.covariance parts - 1: - -> + #1": (
        "the middle of a panel lies inside (0, 1), so that nothing is cut"
    ),
    "theory.unmasking.comparison:_settled 1.0 -> 2.0 #1": ("the allowance for rounding, far below what is compared"),
    "theory.unmasking.comparison:_settled error <= SLACK * max(1.0, float(curve.sum())): <= -> < #1": (
        "an error would have to equal the allowance for rounding"
    ),
    "theory.training.coefficients:_level_rule 1 - 2.0 ** (-j): - -> + #1": (
        "fewer panels next to 1, where the integrands are smooth"
    ),
    "theory.training.coefficients:_level_rule 1 - u -> u #1": (
        "fewer panels on one side, where the integrands are smooth"
    ),
    "theory.training.moments:sources 0 -> 1 #3": (
        "a coefficient that diverges meets losses, and the noise is infinite, or none, and is multiplied by 0"
    ),
    "theory.unmasking.optimal:_ascent False -> True #1": ("whether the library checks what is finite anyway"),
    "theory.unmasking.optimal:_lattice 2 -> 3 #2": (
        "another lattice, from which Newton's method leads to the same grid"
    ),
    "theory.unmasking.rules.compiled:in_chunks 0 -> 1 #1": ("how many sequences are selected at a time"),
    "theory.unmasking.rules.compiled:in_chunks max(1, CHUNK // max(1, logits[0].numel())): max -> min #1": (
        "how many sequences are selected at a time"
    ),
    "theory.unmasking.rules.compiled:in_chunks CHUNK // max(1, logits[0].numel()): // -> * #1": (
        "how many sequences are selected at a time"
    ),
    "theory.unmasking.rules.compiled:in_chunks 1 -> 2 #2": ("how many sequences are selected at a time"),
    "theory.unmasking.rules.compiled:in_chunks max(1, logits[0].numel()): max -> min #1": (
        "how many sequences are selected at a time"
    ),
    "theory.unmasking.rules.compiled:in_chunks True -> False #1": ("logits and masks are split alike"),
    "theory.unmasking.rules.base:draw_candidates 0.0 -> 1.0 #1": (
        "a token is drawn where one is revealed, and not used"
    ),
    "theory.unmasking.riemann:_programme 1 -> 2 #4": ("one more entry, which is not read"),
    "theory.unmasking.riemann:_monotone_layer 1 -> 2 #13": ("one candidate more, whose value is infinite"),
    "theory.unmasking.riemann:_monotone_layer rows - 1 -> rows #1": (
        "an empty last cell more among the candidates, which is never better"
    ),
}
"""The fault's key, as the report prints it, and why it changes nothing."""
