"""Models of others as denoisers: any place of the mask, shifted logits, noise levels, scores, Hugging Face."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor

from synthetic.adapters import hugging_face
from synthetic.adapters.hugging_face import masked_lm
from synthetic.adapters.network import NetworkDenoiser, OutsideMass
from synthetic.adapters.vocabulary import Vocabulary
from theory import worlds
from theory.errors import InvalidInput
from theory.unmasking.rules.sets import TopK
from theory.unmasking.walks import walk
from theory.worlds import states

WORLD = worlds.dirichlet(3, 3, 1.0, torch.Generator().manual_seed(0))
IDS = Vocabulary(allowed=(7, 2, 5), mask_id=4, before=(1,), after=(3,))
KINDS: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "BERT": (transformers.BertConfig, transformers.BertForMaskedLM, {"pad_token_id": 0}),
    "RoBERTa": (transformers.RobertaConfig, transformers.RobertaForMaskedLM, {"pad_token_id": 0}),
    "ESM": (transformers.EsmConfig, transformers.EsmForMaskedLM, {"pad_token_id": 0, "mask_token_id": 4}),
    "ModernBERT": (transformers.ModernBertConfig, transformers.ModernBertForMaskedLM,
                   {"pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3, "cls_token_id": 2, "sep_token_id": 3}),
}  # fmt: skip


def foreign(elsewhere: float = 0.0, shifted: bool = False) -> Callable[[Tensor], Tensor]:
    """Return a network over nine ids that knows the world exactly, with a share of the probability on other ids."""

    def network(ids: Tensor) -> Tensor:
        inner = ids[:, 1:-1]
        own = torch.tensor([-1, -1, 1, -1, 3, 2, -1, 0, -1])[inner]  # 7, 2, 5 are 0, 1, 2 and 4 is the mask
        p = torch.full((*ids.shape, 9), 0.0, dtype=torch.float64)
        at = slice(0, -2) if shifted else slice(1, -1)
        p[:, at, [7, 2, 5]] = (1 - elsewhere) * WORLD.conditionals(own)
        p[:, at, 8] = elsewhere
        return (p + 1e-300).log() + 3.0  # logits have no meaning up to a constant

    return network


@pytest.mark.parametrize("shifted", [False, True])
def test_a_foreign_vocabulary_gives_the_law_that_its_network_knows(shifted: bool) -> None:
    denoiser = NetworkDenoiser(foreign(shifted=shifted), IDS, n=3, shifted=shifted)
    z = states.all_states(3, 3)
    hidden = z == 3
    assert torch.allclose(denoiser(z)[hidden].exp(), WORLD.conditionals(z)[hidden])
    found = walk(TopK(1, "entropy"), WORLD, denoiser)
    assert float(found.divergence) == pytest.approx(0, abs=1e-12) and found.calls == 3


@pytest.mark.filterwarnings("ignore::synthetic.adapters.network.OutsideMass")
def test_not_shifting_a_shifted_model_gives_another_law() -> None:
    right, wrong = (NetworkDenoiser(foreign(shifted=True), IDS, n=3, shifted=shift) for shift in (True, False))
    z = states.all_states(3, 3)
    assert not torch.allclose(right(z)[z == 3], wrong(z)[z == 3])


def test_probability_outside_the_allowed_tokens_is_measured_and_said_once() -> None:
    denoiser = NetworkDenoiser(foreign(0.25), IDS, n=3, name="mine")
    z = torch.tensor([[3, 3, 3], [0, 3, 1]])
    with pytest.warns(OutsideMass, match=r"mine gives 25\.0% .* not allowed"):
        first = denoiser(z)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert torch.equal(denoiser(z), first)
    assert torch.allclose(denoiser.outside(z)[z == 3], torch.tensor(0.25, dtype=torch.float64))
    assert torch.allclose(first[z == 3].exp(), WORLD.conditionals(z)[z == 3])


def test_little_probability_elsewhere_is_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        NetworkDenoiser(foreign(0.005), IDS, n=3)(torch.tensor([[3, 3, 3]]))


def test_states_and_ids_are_each_others_inverse() -> None:
    z = states.all_states(3, 3)
    ids = IDS.ids(z)
    assert ids[0].tolist()[0] == 1 and ids[0].tolist()[-1] == 3
    assert torch.equal(IDS.states(ids[:, 1:-1]), z)
    assert IDS.states([[4, 7, 5]]).tolist() == [[3, 0, 2]]


@pytest.mark.filterwarnings("ignore::synthetic.adapters.network.OutsideMass")
def test_a_model_is_told_the_share_of_masked_tokens_in_its_own_terms() -> None:
    told = []

    def network(ids: Tensor, level: Tensor) -> Tensor:
        told.append(level)
        return torch.zeros(*ids.shape, 9)

    denoiser = NetworkDenoiser(network, IDS, n=3, noise=lambda share: -torch.log1p(-0.999 * share))
    denoiser(torch.tensor([[3, 3, 0], [3, 3, 3]]))
    assert told[0].tolist() == pytest.approx((-torch.log(1 - 0.999 * torch.tensor([2 / 3, 1]))).tolist(), rel=1e-5)


def test_scores_are_ratios_that_become_conditionals() -> None:
    """A score model gives p(token written) / p(state), which is the conditional times the odds of unmasking."""

    def scores(ids: Tensor) -> Tensor:
        answer = torch.zeros(*ids.shape, 9, dtype=torch.float64)
        own = torch.tensor([-1, -1, 1, -1, 3, 2, -1, 0, -1])[ids[:, 1:-1]]
        answer[:, 1:-1, [7, 2, 5]] = 0.4 * WORLD.conditionals(own)
        return answer

    z = states.all_states(3, 3)
    found = NetworkDenoiser(scores, IDS, n=3, outputs="scores")(z)
    assert torch.allclose(found[z == 3].exp(), WORLD.conditionals(z)[z == 3])


def test_parts_of_a_batch_change_nothing() -> None:
    z = states.all_states(3, 3)
    assert torch.equal(NetworkDenoiser(foreign(), IDS, n=3, batch=5)(z), NetworkDenoiser(foreign(), IDS, n=3)(z))
    assert NetworkDenoiser(foreign(), IDS, n=3)(z[:0]).shape == (0, 3, 3)


def test_wide_vocabularies_in_single_precision_are_normalised_exactly() -> None:
    vocabulary = Vocabulary(tuple(range(32_000)), 32_000)
    logits = torch.randn(1, 2, 32_001, generator=torch.Generator().manual_seed(0))
    log_p = NetworkDenoiser(lambda ids: logits, vocabulary)(torch.tensor([[32_000, 32_000]]))
    assert torch.allclose(log_p.exp().sum(-1), torch.ones(1, 2, dtype=torch.float64), atol=1e-13, rtol=0)


def tiny(kind: str) -> Any:
    """Return a random model of a kind, with eleven ids."""
    config, model, more = KINDS[kind]
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    return model(config(vocab_size=11, max_position_embeddings=24, **sizes, **more))


@pytest.mark.filterwarnings("ignore::synthetic.adapters.network.OutsideMass")
@pytest.mark.parametrize("kind", KINDS)
def test_models_of_hugging_face_answer_as_when_they_are_asked_directly(kind: str, tmp_path: Path) -> None:
    model = tiny(kind).eval()
    ids = {"allowed": (9, 5, 7), "mask_id": 4, "before": (2,), "after": (3,), "n": 4}
    denoiser = masked_lm(model, **ids)
    z = torch.tensor([[3, 0, 3, 2], [3, 3, 3, 3]])
    with torch.no_grad():
        asked = torch.tensor([[2, 4, 9, 4, 7, 3], [2, 4, 4, 4, 4, 3]])
        direct = model(input_ids=asked).logits[:, 1:-1, [9, 5, 7]].double().log_softmax(-1)
    assert torch.allclose(denoiser(z)[z == 3], direct[z == 3], atol=1e-6)
    model.save_pretrained(tmp_path)
    saved = masked_lm(tmp_path, **ids)
    assert torch.equal(saved(z), denoiser(z))
    assert (saved.n, saved.d, saved.name) == (4, 3, type(model).__name__)


@pytest.mark.filterwarnings("ignore::synthetic.adapters.network.OutsideMass")
def test_a_tokenizer_saved_beside_a_model_names_mask_marks_and_tokens(tmp_path: Path) -> None:
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c", "d", "e", "f"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    transformers.BertTokenizer(str(tmp_path / "vocab.txt")).save_pretrained(tmp_path)
    tiny("BERT").save_pretrained(tmp_path)
    denoiser = masked_lm(tmp_path)
    assert denoiser.vocabulary == Vocabulary((5, 6, 7, 8, 9, 10), 4, (2,), (3,))
    assert masked_lm(tmp_path, forbidden=[6, 10]).vocabulary.allowed == (5, 7, 8, 9)
    assert denoiser(torch.tensor([[6, 6, 0]])).shape == (1, 3, 6)


def test_computing_in_half_precision_is_normalised_in_double() -> None:
    ids = {"allowed": (9, 5, 7), "mask_id": 4, "n": 4}
    with pytest.warns(OutsideMass):
        found = masked_lm(tiny("BERT"), dtype=torch.bfloat16, **ids)(torch.full((2, 4), 3))
    assert found.dtype == torch.float64
    assert torch.allclose(found.exp().sum(-1), torch.ones(2, 4, dtype=torch.float64), atol=1e-12, rtol=0)


def without_transformers(folder: Path) -> Any:
    """Ask for a model where the package cannot be imported."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(__import__("sys").modules, "transformers", None)
        return hugging_face.masked_lm(folder)


def broken(folder: Path) -> Path:
    (folder / "config.json").write_text('{"model_type": "nonsense"}')
    return folder


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda _: Vocabulary((), 4), "0 allowed ids"),
        (lambda _: Vocabulary((1, 1), 4), "2 allowed ids, 1 different"),
        (lambda _: Vocabulary((1, 4), 4), "the mask, id 4, is among the allowed"),
        (lambda _: Vocabulary((1, -2), 4), "negative"),
        (lambda _: IDS.states([[7, 6]]), "id 6 is neither"),
        (lambda _: NetworkDenoiser(foreign(), Vocabulary((1,), 4), shifted=True), "expected a mark before"),
        (lambda _: NetworkDenoiser(foreign(), IDS, outputs="odds"), "odds"),
        (lambda _: NetworkDenoiser(foreign(), IDS, n=3)(torch.tensor([[3, 3]])), "3"),
        (lambda _: NetworkDenoiser(lambda ids: torch.zeros(1, 2), IDS, n=3)(torch.tensor([[3, 3, 3]])), "returned"),
        (lambda _: NetworkDenoiser(lambda ids: torch.full((*ids.shape, 9), torch.nan), IDS)(torch.tensor([[0, 3]])),
         "state 0, position 1 are NaN"),
        (lambda _: masked_lm(tiny("BERT"), allowed=(5,)), "names no mask token"),
        (lambda _: masked_lm(tiny("BERT"), allowed=(5, 11), mask_id=4), "id 11 is outside"),
        (lambda _: masked_lm(tiny("BERT"), allowed=(5, 6), mask_id=4, n=25), "at most 24"),
        (lambda _: masked_lm(tiny("RoBERTa"), allowed=(5, 6), mask_id=4, n=24), "at most 23"),
        (lambda folder: masked_lm(folder), "no config.json"),
        (lambda folder: masked_lm(broken(folder)), "does not load"),
        (lambda folder: without_transformers(folder), r"pip install 'unmasked\[models\]'"),
        (lambda _: masked_lm(tiny("BERT"), allowed=(5, 6), mask_id=4, device="cuda:7"), "GPUs are found"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_in_one_line(call: Callable[[Path], object], said: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=said) as caught:
        call(tmp_path)
    assert "\n" not in str(caught.value)


def test_code_that_comes_with_a_model_is_never_run(tmp_path: Path) -> None:
    """A configuration that names a Python file beside it: the folder is refused, and the file is not executed."""
    folder, witness = tmp_path / "theirs", tmp_path / "was_run"
    folder.mkdir()
    own = '{"model_type": "theirs", "auto_map": {"AutoConfig": "code.Config", "AutoModelForMaskedLM": "code.Model"}}'
    (folder / "config.json").write_text(own)
    (folder / "code.py").write_text(f"open({str(witness)!r}, 'w').write('run')\n")
    with pytest.raises(InvalidInput, match="does not load as a masked language model"):
        masked_lm(folder)
    assert not witness.exists()
