"""The gallery: which figures there are, and whose figure each one is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from theory.errors import unknown


@dataclass(frozen=True)
class Entry:
    """One figure. Its module defines `EXPERIMENTS`, the names of the records it is drawn from, as
    a literal tuple of strings, and `draw(records)`, which returns the matplotlib figure and a
    table of what is plotted. Where it defines `findings(table)`, the sentences that this returns are
    added to the caption: numbers that come from models that were trained are computed, never typed."""

    module: str
    paper: str
    figure: str
    caption: str


OURS = "no paper: a question of ours"
ENERGY = "Chen, Nie, Sun, Feng, Li, Wen, Li, arXiv 2509.13866"
UNMASKING = "Chen, Cong, Li, arXiv 2511.04647"
EB = "Ben-Hamu, Gat, Severo, Nolte, Karrer, arXiv 2505.24857"
DUEL = "Turok, De Sa, Kuleshov, arXiv 2603.01367"
PUNT = "Azangulov, Pandeva, Prasad, Zazo, Karmalkar, arXiv 2510.21961"
SPECULATIVE = "De Bortoli, Galashov, Gretton, Doucet, arXiv 2501.05370"
STAR = "Meshchaninov et al., arXiv 2510.08369"
REMDM = "Wang, Schiff, Sahoo, Kuleshov, arXiv 2503.00307"
REASONING = "Svete, Sabharwal, arXiv 2510.13117"
ORDERS = "Garg, Kohli, Sarawagi, arXiv 2511.19152"
SOURCES = "Jia, Zhou, Liu, Jiang, Jiang, arXiv 2511.18159"
FREE_ENERGY = "Sadrtdinov, Klimov, Lobacheva, Vetrov, arXiv 2505.23489"
MANHATTAN = "Farias, Martins, Kung, arXiv 2511.04798"
VRPO = "Zhu et al., arXiv 2505.19223"
EDITING = "Yang, Zhou, Wipf, Li, arXiv 2510.06190"
ANY_PROCESS = "Yang et al., arXiv 2510.06190; Svete and Sabharwal, arXiv 2510.13117"
INFO_GAIN = "Yang, Teoh, Yang, Zhang, Lamb, arXiv 2602.18176"

FIGURES: dict[str, Entry] = {
    "interpolations": Entry(
        "figures.interpolations", ENERGY, "Fig. 3",
        "Beta interpolation schedules and the mask schedules that minimise the energies under them.",
    ),
    "landscapes": Entry(
        "figures.landscapes", ENERGY, "Fig. 2",
        "Energy of Beta mask schedules for four weights, in closed form; each minimum sits at the weight itself.",
    ),
    "geodesic": Entry(
        "figures.geodesic", ENERGY, "Fig. 6",
        "A token's path from mask to token: only the squared sine covers equal arcs in equal times.",
    ),
    "toy": Entry(
        "figures.toy", ENERGY, "Fig. 4",
        "Output laws of three steps, exactly: the best block sizes hit both targets, which no per-token schedule can.",
    ),
    "beta_plane": Entry(
        "figures.beta_plane", ENERGY, "Fig. 4, App. E.6",
        "KL between target and output law over the Beta plane: the two targets prefer different shapes.",
    ),
    "curves": Entry(
        "figures.curves", UNMASKING, "Theorem 4",
        "Information curves of eleven worlds; the error of the best three steps is the hatched area.",
    ),
    "steps": Entry(
        "figures.steps", UNMASKING, "Theorems 4 and 16, the optimal schedule",
        "Error against the number of steps: named schedules, the best Beta, the best grid and the provable optimum.",
    ),
    "energy_vs_error": Entry(
        "figures.energy_vs_error", ENERGY, "Theorem 3.6, against the K-step error of arXiv 2511.04647",
        "Energy-optimal is not error-optimal: squared sine, of least energy, against linear on 46 worlds and a curve.",
    ),
    "rates": Entry(
        "figures.rates", ENERGY, "App. D.6",
        "MDM's marginal rate does not minimise the energy over rates once n is 2 or more.",
    ),
    "frontiers": Entry(
        "figures.frontiers", EB, "Figs. 2 and 3, exactly and with the optimal rules of arXiv 2603.01367, V(z)",
        "Exact KL against denoiser calls of every unmasking rule on nine worlds, above the frontier of the best rules.",
    ),
    "entropy_bound": Entry(
        "figures.entropy_bound", EB, "eq. (8)",
        "The entropy bound holds at every node; 8% of it is real on dense random laws, up to 59% on noisy copies.",
    ),
    "budgets": Entry(
        "figures.budgets", EB, "section 4: what a larger budget does to E[NFE] and KL",
        "A larger budget can cost more denoiser calls and more error at once: six atoms where it does, and how often.",
    ),
    "eb_explained": Entry(
        "figures.eb_explained", EB, "Algorithm 1",
        "One step of EB on a Sudoku state: the longest trusted prefix whose entropies but the largest fit the budget.",
    ),
    "eb_trained": Entry(
        "figures.eb_trained", EB, "the Sudoku and maze figures, and section D.3, on small trained models",
        "Quality over calls of EB, Top-k and thresholds; below, what EB gains over Top-k at equal calls, by proxy.",
    ),
    "decomposition": Entry(
        "figures.decomposition", EB, "eqs. (7) and (8) on trained models",
        "The errors of EB and Top-k on trained models, split into the model's and that of parallel unmasking.",
    ),
    "duel_elbo": Entry(
        "figures.duel_elbo", DUEL, "section 4: which inequality holds",
        "DUEL is mostly below the ELBO on randomly perturbed tables; mixtures beat rules; the oracle is no likelihood.",
    ),
    "punt_calls": Entry(
        "figures.punt_calls", PUNT, "section 3.3: binary-coded tests, and what they miss",
        "PUNT needs few calls a token on long weakly dependent data; its batched tests break the in-order bound.",
    ),
    "infogain_diversity": Entry(
        "figures.infogain_diversity", INFO_GAIN, "cumulative entropy, against what it costs in diversity",
        "Info-Gain lowers its cumulative entropy by drawing less diverse sequences: more candidates, larger KL.",
    ),
    "speculative_gaussian": Entry(
        "figures.speculative_gaussian", SPECULATIVE, "Algorithm 4: rounds, calls and acceptance on a mixture",
        "Frozen drift: rounds grow like N^0.32, near N^(1/3); acceptance peaks near churn 0.3, falls with dimension.",
    ),
    "speculative_masked": Entry(
        "figures.speculative_masked", SPECULATIVE, "Algorithm 4, carried over to masked chains",
        "Surest first takes up to 0.8 rounds more than left to right; most rejections then are changes of order.",
    ),
    "remasking_rates": Entry(
        "figures.remasking_rates", STAR, "the star-shaped process against masked diffusion, exact denoiser",
        "Star's TV falls like one over the root of T, masked diffusion's like 1/T; guidance stalls at .21 and .26.",
    ),
    "remasking_guidance": Entry(
        "figures.remasking_guidance", STAR, "the guided step, its temperature and window t_on",
        "Guidance lowers perplexity yet misses a product law (TV .44); it helps late in short runs and on constraints.",
    ),
    "remasking_loop": Entry(
        "figures.remasking_loop", REMDM, "loop schedule and NELBO; star as its member, arXiv 2510.08369",
        "Independent filling biases a plateau in proportion to sigma; star's bound nears T/6 times the standard one.",
    ),
    "likelihood": Entry(
        "figures.likelihood", DUEL, "section 4: DUEL against the ELBO, for every rule, on trained models",
        "NELBO above the entropy under every mask schedule; DUEL minus ELBO over calls, task by task.",
    ),
    "trained_schedules": Entry(
        "figures.trained_schedules", ENERGY, "Fig. 5 and Table 1, with the computed schedule of arXiv 2511.04647",
        "Measured losses, schedules computed from them, and every schedule's path KL and success against linear's.",
    ),
    "trained_punt": Entry(
        "figures.trained_punt", PUNT, "section 4: quality at equal calls, and Assumption 3.3, on trained models",
        "KL and success of PUNT, Top-k and EB over calls, and how often the premises of PUNT fail.",
    ),
    "trained_infogain": Entry(
        "figures.trained_infogain", INFO_GAIN, "cumulative entropy and Case 1, on trained models at equal compute",
        "What Info-Gain lowers, and what it costs in diversity; what it decodes first of a product.",
    ),
    "trained_speculative": Entry(
        "figures.trained_speculative", SPECULATIVE, "Algorithm 4 on masked chains, with trained models",
        "Calls of speculative decoding over the window, and its error beside that of parallel decoding.",
    ),
    "gstar_trained": Entry(
        "figures.gstar_trained", STAR, "Figs. 2 and 3 and section 4.5, with trained predictors and exact laws",
        "Trained error predictors: how well they rank errors, and what guided refinement gains over masked diffusion.",
    ),
    "training_losses": Entry(
        "figures.training_losses", SOURCES, "the losses of public training code, exactly on three small worlds",
        "Mean and spread of public training losses as estimates of the NELBO, for perturbed exact conditionals. Of "
        "five or six tokens 15 % is one. Opposite masks are the k first and the m + 1 - k last tokens of a random "
        "order.",
    ),
    "training_variance": Entry(
        "figures.training_variance", SOURCES, "the three sources of variance, P-POTS and MIRROR",
        "Above, what each masking level adds to the variance of one estimate on the Markov chain (one with mirrored "
        "masks costs two passes); below, mask and level noise at equal passes.",
    ),
    "trained_losses": Entry(
        "figures.trained_losses", SOURCES, "P-POTS and MIRROR at equal passes, on small trained models",
        "Masks and weights drawn in other ways, at equal passes: variance of loss and gradient, and the final NELBO. "
        "Opposite masks are the k first and the m + 1 - k last of m tokens in one random order.",
    ),
    "stale_levels": Entry(
        "figures.stale_levels", SOURCES, "P-POTS, whose density is fitted once",
        "Variance of one estimate with levels from densities fitted at other stages of training, over that of the "
        "density fitted to the model itself; bars are 95 % intervals over seeds.",
    ),
    "decoding_orders": Entry(
        "figures.decoding_orders", ORDERS, "Eq. 7 and Algorithm 1, with the infimum over weights",
        "Left, the law over decoding orders for weights 1/2, 2 and 7/10; right, the NELBO on the way to a fixed order.",
    ),
    "preference_scores": Entry(
        "figures.preference_scores", VRPO, "Theorem 1, with sharp bounds",
        "What an estimated score does to the preference loss, for random laws of the estimate, against both bounds.",
    ),
    "learned_orders": Entry(
        "figures.learned_orders", ORDERS, "Table of results: learned weights against equal ones",
        "Left, the exact NELBO of small models with a learned decoding order less that with every order alike, paired "
        "by seed; right, the likeliest learned order among random fixed orders, a model trained for each alone.",
    ),
    "trained_preferences": Entry(
        "figures.trained_preferences", VRPO, "the ablation of levels and masks, shared or not",
        "Policies trained with estimated scores on answers whose best scores are known: how near to the least loss "
        "they come, over steps and at the end over the variance of the score. \"Own\": policy and reference look at "
        "different masks.",
    ),
    "learned_products": Entry(
        "figures.learned_products", ANY_PROCESS, "Theorem 3.2, with a learned predictor",
        "Products of S5 by small networks in training, composed on the balanced tree: ten seeds, nine moments (marks), "
        "p^(n - 1) (lines); right, after training, the answer guessed where the rounds do not reach it.",
    ),
    "single_pass": Entry(
        "figures.single_pass", REASONING, "rounds against a single pass, trained",
        "A denoiser that writes the product of a word at one mask behind it, and a learned product composed on the "
        "balanced tree; as many steps, ten seeds (marks) and their mean (lines).",
    ),
    "learned_edits": Entry(
        "figures.learned_edits", EDITING, "the section on parity, and Dyck words",
        "Parity, left: models of ten seeds in training on the seven states of two bits; centre: run on random strings, "
        "their first symbols read and edited (lines: means). Right: brackets, learned on strings of up to 12, where a "
        "model reads a window around each place.",
    ),
    "trained_boards": Entry(
        "figures.trained_boards", EDITING, "the section on Sudoku, at 4x4",
        "Left: boards solved by models of each seed (marks) and their mean (bars). Right: share solved by any-process "
        "models over the mean of p to the power of a search's steps, p the share of steps on test boards that a model "
        "takes, and over one less the mean number of wrong steps, which is a lower bound.",
    ),
    "light_cones": Entry(
        "figures.light_cones", REASONING, "Corollary 3.3, for a bounded fan-in",
        "Parity of 16 bits on the balanced tree of fan-in k: the inputs that a place can depend on one step before the "
        "last (colour), and the share of all words whose parity it holds (marks) beside the best of any decision from "
        "so many inputs (lines).",
    ),
    "space_time": Entry(
        "figures.space_time", ANY_PROCESS, "the constructions of Theorems 4 and 5, and Theorem 3.2",
        "One row a step, one column a position. The search has digits in the left half, parked ones in the right.",
    ),
    "rounds": Entry(
        "figures.rounds", ANY_PROCESS, "Theorems 1, 3.2 and 4, counted",
        "Steps and symbols that each model takes for one input of length n, counted on runs (marks), beside formulas "
        "(lines).",
    ),
    "sgd_temperatures": Entry(
        "figures.sgd_temperatures", FREE_ENERGY, "temperature by learning rate, exactly on a quadratic loss",
        "Left: the temperature of SGD on a quadratic loss with curvatures 1/5 and 1, by learning rate and noise. "
        "Right: expected loss against entropy for noise that is quiet in the steep direction; a learning rate has the"
        " least free energy at some temperature exactly where its point lies on the lower convex hull.",
    ),
    "sgd_free_energies": Entry(
        "figures.sgd_free_energies", FREE_ENERGY, "F over the learning rate, exactly on a quadratic loss",
        "Free energy over the learning rate at the temperatures of four learning rates, less its least value. Squares "
        "mark the learning rate whose temperature it is, discs the minimum: together where T rises, apart where not.",
    ),
    "sphere_toys": Entry(
        "figures.sphere_toys", FREE_ENERGY, "the toy examples",
        "SGD on the unit sphere in three dimensions, two losses with a common zero (above) and three without (below). "
        "From the left: the first chain's path seen from the optimum (star); the median loss and the mean ratio of "
        "signal to noise of all chains; the loss after all steps, beside the threshold and the theory.",
    ),
    "sphere_chains": Entry(
        "figures.sphere_chains", FREE_ENERGY, "temperature intervals, on the sphere in ten dimensions",
        "Temperatures at which a learning rate has the least free energy, from independent chains with 200 losses and"
        " no common zero, without smoothing or slack; ten sets of losses. Right: their geometric means over the "
        "theory.",
    ),
    "neighbour_entropies": Entry(
        "figures.neighbour_entropies", FREE_ENERGY, "the estimate of the entropy",
        "The estimate of an entropy from distances between neighbours against the truth, 2,000 normal points, ten "
        "seeds: one axis stretched, all axes stretched, and the slope in the logarithm of the learning rate for "
        "consecutive weights of one chain, by how many relaxation times they cover.",
    ),
    "small_networks": Entry(
        "figures.small_networks", FREE_ENERGY, "U, S, T and signal to noise by learning rate",
        "Scale-invariant perceptrons on the handwritten digits of scikit-learn, trained at constant learning rates: "
        "too narrow to fit all images (above, ten chains) and wide enough (below, five). Bars: 95 % intervals over "
        "chains. Temperatures stand between the two learning rates they come from.",
    ),
    "noise_temperature": Entry(
        "figures.noise_temperature", "ours", "noise as temperature, on masked diffusion models",
        "A masked diffusion model under SGD at constant learning rates, its loss estimated with weights 1/t or by "
        "counts in strata: excess of the exact NELBO, with that of 1/t as the quadratic theory predicts it from counts "
        "and the ratio of their noise; temperature between learning rates; and the ratios themselves. Means and 95 % "
        "intervals over eight seeds.",
    ),
    "wire_drops": Entry(
        "figures.wire_drops", MANHATTAN, "wire drops of one tile",
        "A tile of 64x64 cells that holds Laplace weights in bits, grouped by significance: active cells (above) and "
        "the voltage that each place lacks when all rows are driven by one volt (below), segments of 2.5 ohm.",
    ),
    "manhattan_distances": Entry(
        "figures.manhattan_distances", MANHATTAN, "the Manhattan hypothesis",
        "The loss of current of random patterns on 64x64 cells against the mean distance of their active cells from "
        "the rails (left: the hypothesis is the dashed line), and against first order in the wire resistance (right).",
    ),
    "crossbar_mappings": Entry(
        "figures.crossbar_mappings", MANHATTAN, "losses by layout and move",
        "What each move changes, in the loss of current and in the error of the recombined outputs: means and 95 % "
        "intervals over 24 draws of random weights.",
    ),
    "denoiser_on_wires": Entry(
        "figures.denoiser_on_wires", MANHATTAN, "accuracy under analog distortion, asked of masked diffusion models",
        "Trained denoisers whose matrices are replaced by what crossbars realise, wires of 1, 2.5, 5 and 20 ohm: "
        "error of outputs, exact NELBO and exact error of the entropy-bounded rule's samples over the loss of "
        "current. Means and 95 % intervals over eight models.",
    ),
    "preference_draws": Entry(
        "figures.preference_draws", VRPO, "Propositions 1 and 2",
        "How the variance of a preference score falls with masks, and what sharing them with the reference gains.",
    ),
    "pretrained_orders": Entry(
        "figures.pretrained_orders", OURS, "the order of revealing, on a pretrained model",
        "AntiBERTy, a masked language model of antibodies with 26 million parameters, on human germline chains and on "
        "samples of its own, beside a Markov chain whose truth is known (a small trained model, and the exact "
        "conditionals, for which all orders agree). Left: what a masked token costs to predict. Right: the "
        "log-likelihood of a sequence when its tokens are revealed one a step in each order, less that in a random "
        "order. Means over sequences with 95 % intervals.",
    ),
    "pretrained_rules": Entry(
        "figures.pretrained_rules", OURS, "rules at equal calls, on a pretrained model",
        "How improbable a given sequence is when a rule generates (exactly, by following the rule on the sequence), "
        "over the calls that the rule makes: lower is better. Mean over the sequences of each source.",
    ),
    "pretrained_costs": Entry(
        "figures.pretrained_costs", OURS, "bound and schedules, on a pretrained model",
        "Above: what EB loses by revealing a step's tokens together (the log-likelihood of its path with each step's "
        "tokens one at a time, less that of the path), beside its entropy bound, for each budget. The bound holds on "
        "average for sequences of the model's own law; it may be exceeded for others. Below: what three mask "
        "schedules cost above the one computed from the model's cross-entropies on the other half of the sequences. "
        "Means with 95 % intervals.",
    ),
}  # fmt: skip


def select(names: Iterable[str], figures: Mapping[str, Entry]) -> dict[str, Entry]:
    """Return the named figures, or all where none is named."""
    for name in (chosen := tuple(names)):
        if name not in figures:
            raise unknown("figure", name, figures)
    return {name: figures[name] for name in chosen or figures}
