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
    "constructions": Entry(
        "figures.constructions", UNMASKING, "Theorem 9, beside the optimum of Theorem 16",
        "How much error a schedule leaves (vertical, as a share of TC, the error of revealing everything at once) for "
        "the number of its steps (horizontal). The schedules of Theorem 9 know a single number of the law, its total "
        "correlation TC (discs, large blocks first) or its dual total correlation DTC (squares, large blocks last); "
        "the line is the best that block sizes can do, for which the whole information curve must be known. In the "
        "grey area lie errors that the better of the two guarantees, TC / (zeta - 1) and DTC / (zeta - 1), excludes. "
        "All errors are exact: path KL, read off the information curve. The paper states the theorem without a "
        "figure.",
    ),
    "lower_bounds": Entry(
        "figures.lower_bounds", UNMASKING, "Theorems 30 and 24, counted",
        "Left and centre: the least error E* that K steps can have on the harmonic curve, Z = 1 / (n + 1 - j) - 1 / n "
        "at the j-th token, times K and over the total correlation TC: this rises with the length n, and over ln n it "
        "does not, so that the factor ln n of Theorem 9 cannot be dropped. Right: a sampler that reveals tokens and "
        "asks T times for conditionals cannot tell a code whose dimension it does not know from the uniform law, "
        "unless a query hits the dimension. Share of the MDS codes of length n (all dimensions below n, moved by a "
        "random word) that T queries at the best sizes do not notice, which is also the mean total variation of the "
        "sampler's output from the code (bold), above the bound 1 - 2T / (n - 1) (thin). All is exact; the paper "
        "states both theorems without a figure.",
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
        "Exact KL against denoiser calls of every unmasking rule on nine worlds, above the frontier of the best "
        "rules.",
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
    "eb_proxies": Entry(
        "figures.eb_proxies", EB, "Figs. 3, 6, 7 and 11, on small trained models",
        "Which proxy orders the positions matters less than how many of them are revealed at once. Quality of trained "
        "models over the mean number of denoiser calls, with EB at several budgets (above) and Top-k at several k "
        "(below), positions ordered by entropy, confidence (largest probability) or margin (largest less second "
        "largest). Of puzzles the share solved (higher is better, temperature 0; crosses: one token at a time in "
        "random order); of other tasks nats a token that the rule's path costs on held-out data above the data law, "
        "or above Top-1 by entropy where the law is not known (lower is better; the square-root axis starts at 0). "
        "Bars are 95 % intervals over seeds and items. With two symbols all proxies order alike. The paper has a "
        "Sudoku of nine by nine, larger mazes, and language models of eight billion parameters.",
    ),
    "early_stops": Entry(
        "figures.early_stops", EB, "Figs. 5 and 12 and Tables 1 and 4-6: an end mark, and blocks",
        "The entropy-bounded rule on words of up to six tokens that end with an end mark and are padded with it, "
        "exactly: the KL of the words to what is generated (vertical) over the tokens that are used, up to the first "
        "end mark, a denoiser call (horizontal), along EB's budgets. Whole: all positions at once; blocks: two "
        "positions at a time, from left to right; stopped: once an end mark is revealed and nothing is masked before "
        "it, the rest is filled with end marks at no call. Left, letters repeat themselves; right, they do not. The "
        "paper measures pass@1 of language models on code and mathematics.",
    ),
    "decomposition": Entry(
        "figures.decomposition", EB, "eqs. (7) and (8) on trained models",
        "The errors of EB and Top-k on trained models, split into the model's and that of parallel unmasking.",
    ),
    "duel_elbo": Entry(
        "figures.duel_elbo", DUEL, "section 4: which inequality holds",
        "DUEL is mostly below the ELBO on randomly perturbed tables; mixtures beat rules; the oracle is no "
        "likelihood.",
    ),
    "duel_samples": Entry(
        "figures.duel_samples", DUEL, "Figs. 4 and 5 and Table 6, exactly, with a judge that knows the data law",
        "Samples that a judge finds likely need not come from a law near the data's. Above, for four rules by their "
        "denoiser calls: the generative NLL (minus the mean log-probability of a rule's samples under the judge, the "
        "logarithm of their perplexity), the exact KL of the data law from the output law (square-root axis), and the "
        "entropy of the output. The denoisers are exact conditionals whose every log-probability is moved by a normal "
        "error; curves are means over such denoisers, dotted lines the data's own values. The judge is the data law "
        "with one part in a hundred spread evenly over all sequences. With two symbols most confident and largest "
        "margin are the same rule. Below: pairs of different rules with nearly the same calls for which the lower NLL "
        "goes with the higher KL. Everything is enumerated; the paper samples from a language model, judges with "
        "another one, and has MAUVE in place of the KL.",
    ),
    "punt_calls": Entry(
        "figures.punt_calls", PUNT, "section 3.3: binary-coded tests, and what they miss",
        "PUNT needs few calls a token on long weakly dependent data; its batched tests break the in-order bound.",
    ),
    "punt_step": Entry(
        "figures.punt_step", PUNT, "Fig. 1 (a step of the sampler), on a state whose conditionals are exact",
        "One step of PUNT on a Markov chain of three symbols that mostly keeps its symbol: two symbols are given, and "
        "a candidate is drawn at every other position. Positions are ranked by confidence and the ranks written in "
        "binary. In each round the positions whose digit is 0 show their candidates, and those whose digit is 1 are "
        "tested: the number is the KL divergence (nats) by which the shown candidates move their conditional, and a "
        "position where it exceeds the threshold leaves the step. What survives all rounds is revealed. A position "
        "can be dropped because of one that is less trusted than itself.",
    ),
    "punt_depths": Entry(
        "figures.punt_depths", PUNT, "Fig. 2 (a hierarchy emerges), on trees whose conditionals are exact",
        "When a node of a binary tree is revealed: the share of all tokens that come before it (vertical, mean over "
        "the nodes of a generation, tokens of the same step counted half), by generation (horizontal). Every node "
        "mostly repeats its parent's symbol. A hierarchy is a line that rises from the left to the right. Left, one "
        "symbol of the root is likelier, so that confidence falls with every generation; right, all conditionals are "
        "alike at first and ties are broken at random. The paper shows a text in which headings come first. Sampled "
        "with exact conditionals; bars are 95 % intervals over random numberings of the nodes, and the legend has "
        "mean calls and steps a sequence.",
    ),
    "punt_quantiles": Entry(
        "figures.punt_quantiles", PUNT, "the quantiles of delta by revealed tokens, exactly on three small worlds",
        "How far a token that PUNT reveals depends on those revealed before it in the same step: delta, the KL "
        "divergence (nats) from its conditional at the start of the step to that given them. Medians, with bars from "
        "the 5 % to the 95 % quantile over all states with so many revealed tokens and all candidates, weighted by "
        "their probabilities; the first token of a step, whose delta is 0, is left out. The paper reports deltas "
        "below the threshold for a language model; exactly, the binary-coded tests let some tokens exceed it, because "
        "no test shows all earlier tokens at once, while tests of each token against all kept before it cannot.",
    ),
    "infogain_diversity": Entry(
        "figures.infogain_diversity", INFO_GAIN, "cumulative entropy, against what it costs in diversity",
        "Info-Gain lowers its cumulative entropy by drawing less diverse sequences: more candidates, larger KL.",
    ),
    "speculative_gaussian": Entry(
        "figures.speculative_gaussian", SPECULATIVE, "Algorithm 4: rounds, calls and acceptance on a mixture",
        "Frozen drift: rounds grow like N^0.32, near N^(1/3); acceptance peaks near churn 0.3, falls with dimension.",
    ),
    "speculative_sweeps": Entry(
        "figures.speculative_sweeps", SPECULATIVE, "App. B: parallel sweeps with speculative correction",
        "Batches of drift evaluations that wait for each other (vertical) which one chain of a reversed diffusion takes when "
        "each window of steps is drafted by a number of parallel sweeps (horizontal) and one more batch verifies and "
        "corrects it; the output keeps the law of the chain exactly. One sweep is the frozen draft. The same "
        "noise in every sweep, unless the legend says that the last sweep alone has it, which is how the recursion of the "
        "appendix was reported to us: its means then ignore the drafted noise, and many drafts are rejected. "
        "The target is a mixture with exact score, in as many independent copies as the dimension; bars are 95 % "
        "intervals over paths. Counterpart of an algorithm that the paper states without a figure known to us.",
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
        "Guidance lowers perplexity yet misses a product law (TV .44); it helps late in short runs and on "
        "constraints.",
    ),
    "remasking_lineup": Entry(
        "figures.remasking_lineup", STAR, "Table 1, on small laws; Table 1 and Fig. 3 of arXiv 2503.00307 in kind",
        "Samplers at equal evaluations of networks, on three small laws with exact conditionals: the KL and the total "
        "variation between the data and the samples (square-root scales from 0) and the entropy of the samples, whose "
        "dashed line is that of the data. Each line of a panel is a sampler, each mark a budget of evaluations; a call "
        "of the error predictor of the guided samplers (G-Star) counts like one of the denoiser. Guided and confident "
        "remasking help under hard constraints (copied pairs). On a chain and on independent tokens they make the "
        "samples less diverse than the data, more so with more evaluations. ReMDM's remasking costs accuracy here "
        "(conf even on independent tokens), while a fixed number of random masks (Star+) comes close on the chain: "
        "with so few tokens it masks one in each late step. The paper has language models and MAUVE, perplexity and "
        "diversity; its denoisers err, ours do not.",
    ),
    "remasking_windows": Entry(
        "figures.remasking_windows", STAR, "Appendix C.2: t_on, t_off and alpha_on of the loop, with exact laws",
        "How the three constants of the loop schedule act on the error, exactly, on a Markov chain of four binary "
        "tokens with exact conditionals: the revealed fraction climbs to alpha_on at the paper's time t_on, stays "
        "there while tokens are masked and filled again, and climbs on from t_off. Time runs from left to right. "
        "Above a run of few steps T, below one of many; each column moves one constant and keeps the papers' values "
        "(grey) of the others, at every time that leaves two steps on the plateau. With the optimal error predictor "
        "(orange) the error grows with the length of the plateau, and only a short late one in a short run beats "
        "masked diffusion (dotted). A fixed number of random masks (green) gains from a long plateau. Where the "
        "number of masks is fixed, alpha_on acts through that number alone, hence the steps. The paper tunes the "
        "constants by MAUVE of a language model.",
    ),
    "remasking_loop": Entry(
        "figures.remasking_loop", REMDM, "loop schedule and NELBO; star as its member, arXiv 2510.08369",
        "Independent filling biases a plateau in proportion to sigma; star's bound nears T/6 times the standard one.",
    ),
    "remasking_sigmas": Entry(
        "figures.remasking_sigmas", REMDM, "Figs. 2 and 5: sigma of DFM beside cap and loop; the loop schedule",
        "How likely a step is to mask a shown token again, over the paper's time t, which runs from 1 (all masks) to "
        "0. Above: DFM (dashed, a line for each number of steps T) and ReMDM (solid, one line for every T, but for "
        "the last steps), cap on the left and loop on the right; the axis is logarithmic. DFM's chance shrinks in "
        "proportion to 1 / T, ReMDM's does not, so that only ReMDM masks more in longer runs. Below: the revealed "
        "fraction and sigma of the longest loop. All numbers are exact; DFM's widths of steps are those of the "
        "released code.",
    ),
    "remasking_sweeps": Entry(
        "figures.remasking_sweeps", REMDM, "Figs. 6 to 8, Tables 5 and 6: eta of cap, loop and rescale",
        "What eta, the strength of remasking, does to a perfect judge's generative NLL (the logarithm of generative "
        "perplexity), to the entropy of the samples and to their law, on a Markov chain of n binary tokens, exactly. "
        "Coloured lines are runs of T steps with tokens drawn from a nucleus of mass 0.9, as the paper draws them; "
        "the horizontal axis is a square-root scale. In long runs more remasking lowers NLL and entropy below those "
        "of the data (black line), which looks like better text, while the KL from the data to the samples rises: the "
        "samples collapse to the likeliest sequences. In short runs NLL and KL move together, and so they do in the "
        "longest run with exact conditionals (grey, dotted). The paper measures MAUVE of large models on text in "
        "place of KL.",
    ),
    "likelihood": Entry(
        "figures.likelihood", DUEL, "section 4: DUEL against the ELBO, for every rule, on trained models",
        "NELBO above the entropy under every mask schedule; DUEL minus ELBO over calls, task by task.",
    ),
    "trained_schedules": Entry(
        "figures.trained_schedules", ENERGY, "Fig. 5 and Table 1, with the computed schedule of arXiv 2511.04647",
        "Measured losses, schedules computed from them, and every schedule's path KL and success against linear's.",
    ),
    "schedules_by_steps": Entry(
        "figures.schedules_by_steps", ENERGY, "Figs. 5 and 7 and Tables 2 to 7, on small trained models",
        "The schedule matters at few steps and hardly at many. Above, how often samples of trained models succeed, "
        "and below the KL of the data law from the output law with a model's conditionals, enumerated, both over the "
        "number of steps; every step reveals a block of tokens at once. The best Beta has the least path code length "
        "on other rows than those scored, and so has the computed schedule, among all block sizes. Marks of one "
        "number of steps are set side by side; bars are 95 % intervals over seeds and items. The paper decodes with a "
        "language model of eight billion parameters, scores answers to benchmarks, and takes its Beta shapes from a "
        "search.",
    ),
    "schedule_agreement": Entry(
        "figures.schedule_agreement", ENERGY, "Table 1, on small trained models",
        "A few dozen items rank schedules nearly as all do. Left and centre: success of samples with each Beta shape "
        "(a, b) of a grid, and with the linear schedule, on one half of the items over that on the other, means over "
        "seeds; on the line both are equal. Larger marks: linear, which is the paper's shape (1/2, 1/2), and the "
        "shapes of the grid next to the other three of the paper's table. Right: Kendall's tau between the ranks of "
        "all shapes on random subsets and on other items, a mark a seed (means over subsets), a bar their mean. The "
        "paper ranks four shapes by answers of a language model to two benchmarks.",
    ),
    "trained_punt": Entry(
        "figures.trained_punt", PUNT, "section 4: quality at equal calls, and Assumption 3.3, on trained models",
        "KL and success of PUNT, Top-k and EB over calls, and how often the premises of PUNT fail.",
    ),
    "trained_infogain": Entry(
        "figures.trained_infogain", INFO_GAIN, "cumulative entropy and Case 1, on trained models at equal compute",
        "What Info-Gain lowers, and what it costs in diversity; what it decodes first of a product.",
    ),
    "infogain_scatter": Entry(
        "figures.infogain_scatter", INFO_GAIN, "cumulative entropy against accuracy",
        "A lower cumulative entropy goes with likelier samples, but not with samples nearer to the data law. Each "
        "mark is a trained model (one a seed) with one rule, at temperature 1: the sum of the model's entropies of "
        "the tokens when they were revealed, over the log-probability of the samples under the data law (above, "
        "higher is likelier) and over the KL of the output from the data law (below, lower is better). Short tasks "
        "are enumerated; on the long chain the values are means over samples, and the KL is a lower bound from "
        "neighbouring tokens. The number in a panel is Pearson's correlation over the rules, averaged over seeds. The "
        "paper has the accuracy of a language model's answers in place of the log-probability, and nothing in place "
        "of the KL.",
    ),
    "infogain_answer": Entry(
        "figures.infogain_answer", INFO_GAIN, "Case 2: an answer before or after the reasoning, exactly",
        "Rules that trust the surest token write the answer first, and a model that reasons worse backwards than "
        "forwards then errs. The world is a reasoning string of three symbols and an answer, yes or no, that is a "
        "function of it. The denoiser is exact, except that a share of every reasoning token's conditional ignores an "
        "answer that is already written. Left: when the answer is revealed, one token a step at temperature 1. "
        "Centre: the expected sum of the denoiser's entropies of the tokens when they are revealed, beside the "
        "entropy of the output. Right: how often answer and reasoning agree, over the ignored share. Rules with the "
        "same accuracies are drawn as one. Info-Gain, which draws candidates and keeps the best, is right more often, "
        "and draws few different sequences. Everything is enumerated; the paper asks a language model questions with "
        "a known answer.",
    ),
    "infogain_costs": Entry(
        "figures.infogain_costs", INFO_GAIN, "ablations of the candidates, the position temperature and the bypass, exactly",
        "From a few candidates on, more of them make the answer right more often and the samples less diverse; a bypass "
        "saves evaluations and costs diversity. One parameter of the sampler varies in each column, the others keep their default (grey bar): "
        "mean form, the greedy action among the candidates, one token a step. World and denoiser are those of the figure "
        "infogain_answer, most of a reasoning token's conditional ignoring an answer that is there. Above: expected sum of "
        "the entropies of the tokens when they are revealed, and entropy of the output. Middle: how often answer and "
        "reasoning agree (dotted: plain decoding by entropy), and total variation of the output law from the data law. "
        "Below: sequences that the denoiser evaluates. With a bypass, tokens whose probability reaches the level are "
        "taken without look-ahead; they are the most probable ones, not drawn. Everything is enumerated; the paper times "
        "a language model and scores its answers.",
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
        "Left, the law over decoding orders for weights 1/2, 2 and 7/10; right, the NELBO on the way to a fixed "
        "order.",
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
        'they come, over steps and at the end over the variance of the score. "Own": policy and reference look at '
        "different masks.",
    ),
    "learned_products": Entry(
        "figures.learned_products", ANY_PROCESS, "Theorem 3.2, with a learned predictor",
        "Products of S5 by small networks in training, composed on the balanced tree: ten seeds, nine moments "
        "(marks), p^(n - 1) (lines); right, after training, the answer guessed where the rounds do not reach it.",
    ),
    "single_pass": Entry(
        "figures.single_pass", REASONING, "rounds against a single pass, trained",
        "A denoiser that writes the product of a word at one mask behind it, and a learned product composed on the "
        "balanced tree; as many steps, ten seeds (marks) and their mean (lines).",
    ),
    "learned_edits": Entry(
        "figures.learned_edits", EDITING, "the section on parity, and Dyck words",
        "Parity, left: models of ten seeds in training on the seven states of two bits; centre: run on random "
        "strings, their first symbols read and edited (lines: means). Right: brackets, learned on strings of up to "
        "12, where a model reads a window around each place.",
    ),
    "trained_boards": Entry(
        "figures.trained_boards", EDITING, "the section on Sudoku, at 4x4",
        "Left: boards solved by models of each seed (marks) and their mean (bars). Right: share solved by any-process "
        "models over the mean of p to the power of a search's steps, p the share of steps on test boards that a model "
        "takes, and over one less the mean number of wrong steps, which is a lower bound.",
    ),
    "light_cones": Entry(
        "figures.light_cones", REASONING, "Corollary 3.3, for a bounded fan-in",
        "Parity of 16 bits on the balanced tree of fan-in k: the inputs that a place can depend on one step before "
        "the last (colour), and the share of all words whose parity it holds (marks) beside the best of any decision "
        "from so many inputs (lines).",
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
        "Right: expected loss against entropy for noise that is quiet in the steep direction; a learning rate has the "
        "least free energy at some temperature exactly where its point lies on the lower convex hull.",
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
        "Temperatures at which a learning rate has the least free energy, from independent chains with 200 losses and "
        "no common zero, without smoothing or slack; ten sets of losses. Right: their geometric means over the "
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
        "counts in strata: excess of the exact NELBO, with that of 1/t as the quadratic theory predicts it from "
        "counts and the ratio of their noise; temperature between learning rates; and the ratios themselves. Means "
        "and 95 % intervals over eight seeds.",
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
