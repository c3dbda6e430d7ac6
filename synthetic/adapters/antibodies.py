"""A real pretrained model: AntiBERTy, a masked language model of antibodies, and germline genes to ask it about.

AntiBERTy (Ruffolo, Gray, Sulam, arXiv 2112.07782) is a BERT of 26 million parameters that was trained on 558 million
natural antibody sequences; the package antiberty ships its weights under the MIT licence. Human heavy-chain germline
genes, V and J, come with the package anarci (BSD licence). Both are read as files of installed distributions: none of
their code is run.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.metadata
import json
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from synthetic.adapters.hugging_face import EXTRA, masked_lm
from synthetic.adapters.network import NetworkDenoiser
from theory.errors import InvalidInput

LETTERS = "ACDEFGHIKLMNPQRSTVWY"
"""The 20 amino acids in the order of the model's ids, 5 to 24."""
MODEL, GENES = ("antiberty", "pytorch_model.bin"), ("anarci", "germlines.py")
"""The distribution and the file of the weights, and of the genes."""
FIRST_ID, MASK_ID, BEFORE, AFTER = 5, 4, (2,), (3,)
KNOWN = (
    "vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "hidden_act",
    "max_position_embeddings", "type_vocab_size", "layer_norm_eps", "pad_token_id",
)  # fmt: skip
"""Settings of the shipped configuration that say what the network is."""
OTHER_HEADS = ("bert.pooler.", "bert.embeddings.position_ids", "cls.species.", "cls.chain.", "cls.graft.")
"""Weights of the file that predict other things than tokens."""


def antiberty(device: str | None = None, batch: int | None = None) -> NetworkDenoiser:
    """Return AntiBERTy as a denoiser of sequences of the 20 amino acids, of any length up to 510.

    Raises InvalidInput where transformers or the package antiberty is not installed, or its weights are others.
    """
    try:
        from transformers import BertConfig, BertForMaskedLM
    except ImportError as error:
        raise InvalidInput(f"AntiBERTy {EXTRA}") from error
    weights = installed_file(*MODEL)
    settings = json.loads((weights.parent / "config.json").read_text())
    network: Any = BertForMaskedLM(BertConfig(**{name: settings[name] for name in KNOWN}))
    state = torch.load(weights, map_location="cpu", weights_only=True)
    own = {name: value for name, value in state.items() if not name.startswith(OTHER_HEADS)}
    missing, unexpected = network.load_state_dict(own, strict=False)
    if missing or unexpected:
        raise InvalidInput(
            f"{weights} has other weights than expected ({[*missing, *unexpected][0]}); expected antiberty 0.1.3"
        )
    ids = range(FIRST_ID, FIRST_ID + len(LETTERS))
    return masked_lm(
        network, allowed=ids, mask_id=MASK_ID, before=BEFORE, after=AFTER, device=device, batch=batch, name="AntiBERTy"
    )


def germline_chains(count: int, seed: int = 0) -> list[str]:
    """Return different human heavy chains, each a V gene's and a J gene's amino acids one after the other.

    They are chains without a D segment, which natural chains have between the two. One V gene is drawn of each family
    (IGHV1-2, say) in turn, with a J gene drawn beside it; with less than `count` families, of each again. Raises
    InvalidInput where the package anarci is not installed.
    """
    genes = ast.literal_eval(installed_file(*GENES).read_text().split("=", 1)[1].strip())
    v, j = (genes[segment]["H"]["human"] for segment in "VJ")
    families: dict[str, list[str]] = {}
    for name in sorted(v):
        families.setdefault(name.partition("*")[0], []).append(name)
    generator = torch.Generator().manual_seed(seed)
    chains: dict[str, None] = {}
    joining = sorted(j)
    while len(chains) < count:
        for place in torch.randperm(len(families), generator=generator).tolist():
            members = list(families.values())[place]
            gene = members[int(torch.randint(len(members), (1,), generator=generator))]
            other = joining[int(torch.randint(len(joining), (1,), generator=generator))]
            chain = (v[gene] + j[other]).replace("-", "")
            if set(chain) <= set(LETTERS):
                chains.setdefault(chain)
    return list(chains)[:count]


def tokens(chain: str) -> Int[Tensor, " n"]:
    """Return the tokens of a chain of amino acids. Raises InvalidInput for other letters."""
    if other := set(chain) - set(LETTERS):
        raise InvalidInput(f"{sorted(other)[0]!r} is none of the 20 amino acids {LETTERS}")
    return torch.tensor([LETTERS.index(letter) for letter in chain])


def installed_file(distribution: str, name: str) -> Path:
    """Return a file of an installed distribution. Raises InvalidInput, saying what to install, where it is absent."""
    try:
        files = importlib.metadata.files(distribution) or []
    except importlib.metadata.PackageNotFoundError as error:
        raise InvalidInput(
            f"the package {distribution} is not installed; install it: pip install 'unmasked[pretrained]'"
        ) from error
    for file in files:
        if file.name == name:
            return Path(str(file.locate()))
    raise InvalidInput(f"the installed package {distribution} has no file {name}; expected another version of it")


def digest(distribution: str, name: str) -> str:
    """Return the sha256 of a file of an installed distribution."""
    return hashlib.sha256(installed_file(distribution, name).read_bytes()).hexdigest()
