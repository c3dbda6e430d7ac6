"""Where the time of measuring a model goes, as a share of one run."""

from __future__ import annotations

import importlib.util
import sys

import torch

from benchmarks.harness import Timing, benchmark
from synthetic.measuring.runs import measure
from synthetic.measuring.scores import Plan
from synthetic.measuring.sequences import sequences


def outside_network() -> Timing:
    """all of measuring a BERT of AntiBERTy's size (26M parameters) on two sequences of 64, over its network's part"""
    import transformers

    from synthetic.adapters.hugging_face import masked_lm

    torch.manual_seed(0)
    network = transformers.BertForMaskedLM(
        transformers.BertConfig(
            vocab_size=25, hidden_size=512, num_hidden_layers=8, num_attention_heads=8, intermediate_size=2048
        )
    )
    model = masked_lm(network, allowed=range(5, 25), mask_id=4, before=(2,), after=(3,))
    data = sequences(torch.randint(20, (2, 64), generator=torch.Generator().manual_seed(1)), 20)
    run = measure(model, data, Plan(draws=8, scored=1, orders=1, sizes=(8,), budgets=(1.0,), windows=1))
    return Timing(run.seconds, run.seconds_in_model)


if importlib.util.find_spec("transformers"):
    measuring = benchmark(at_most=1 / 0.9)(outside_network)
else:
    print("measuring is not measured: transformers is not installed, it comes with the dev extra", file=sys.stderr)
