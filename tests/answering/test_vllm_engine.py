"""vLLM against transformers, candidate by candidate, where `make test-vllm` has built its environment.

What needs no vLLM is tested anywhere.
"""

import json
import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
import torch

import adamms
from adamms.adapters import open_model
from adamms.answering.engine import EngineOptions, EngineRequest, GivenAnswer, closing, open_engine
from adamms.answering.sweep import Sweep
from adamms.answering.vllm_engine import with_inner_towers
from adamms.answering.vllm_extension import AHEAD, ahead, neighbours
from adamms.errors import SearchError
from adamms.mapping import MappedDonor, map_parameters
from adamms.merging import MergeInputs, make_method
from adamms.responses import Example, read_inputs
from adamms.zoo import shipped_pair

PAIR = shipped_pair()
ZOO = PAIR.base.parents[1]
ALPHAS = (0.0, 0.3, 0.6)
HERE = Path(__file__).resolve().parents[2] / ".bench" / "vllm" / "bin" / "python"
PYTHON = os.environ.get("ADAMMS_VLLM_PYTHON") or (str(HERE) if HERE.exists() else None)
needs_vllm = pytest.mark.skipif(PYTHON is None, reason="vLLM has no environment here: make test-vllm")


@pytest.fixture(autouse=True)
def little_memory(monkeypatch, tmp_path):
    # Where a failure leaves its log.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("VLLM_CPU_KVCACHE_SPACE", "1")


def linear(alpha):
    return make_method("linear", {"alpha": alpha})


def asked(base, donor, examples, engine):
    """What each candidate answers, and what it thinks of given answers."""
    options = EngineOptions(max_new_tokens=8, device="cpu", dtype="float32")
    with ExitStack() as models:
        first, second = (models.enter_context(open_model(model)) for model in (base, donor))
        inputs = MergeInputs.pair(first, second, MappedDonor(map_parameters(first, second), first, second))

        def opener(changed, current):
            return open_engine(EngineRequest(first, changed, options, python=PYTHON), name=engine)

        found = {}
        with closing(Sweep(inputs, examples, method=linear, engine=opener)) as sweep:
            ids = [example.id for example in examples]
            given = (GivenAnswer("a red circle", True), GivenAnswer("two", False), GivenAnswer("", True))
            for alpha in ALPHAS:
                answers = {response.id: response for response in sweep.ask({alpha: ids})}
                read = sweep.read({alpha: dict.fromkeys(ids, given)})
                found[alpha] = answers, {id_: likelihoods for _, id_, likelihoods in read}
        return found


def check_alike(base, donor, examples):
    ours, theirs = (asked(base, donor, examples, engine) for engine in ("transformers", "vllm"))
    texts = {alpha: {id_: answer.response for id_, answer in ours[alpha][0].items()} for alpha in ALPHAS}
    moved = [
        abs(one.log_probability - other.log_probability)
        for id_, likelihoods in ours[0.0][1].items()
        for one, other in zip(likelihoods, ours[0.6][1][id_], strict=True)
    ]
    # Far more than what the two may differ by, at every input.
    assert min(moved) > 0 and sorted(moved)[len(moved) // 2] > 0.1
    for alpha in ALPHAS:
        (answers, thoughts), (others, other_thoughts) = ours[alpha], theirs[alpha]
        assert {id_: answer.response for id_, answer in others.items()} == texts[alpha]
        for id_, answer in answers.items():
            assert (others[id_].tokens, others[id_].finished) == (answer.tokens, answer.finished)
            assert others[id_].confidence == pytest.approx(answer.confidence, abs=1e-3)
            for one, other in zip(thoughts[id_], other_thoughts[id_], strict=True):
                assert other.tokens == one.tokens
                assert other.log_probability == pytest.approx(one.log_probability, abs=0.01)


@pytest.fixture(scope="module")
def examples():
    shown = list(read_inputs(PAIR.inputs))[::10]
    return [*shown, Example("text", (), "how many red circles are there ?")]


@needs_vllm
@pytest.mark.parametrize(
    ("base", "donor"),
    [("pair/qwen2-vl", "pair/llava-onevision"), ("llama/llava", "llama/mplug_owl2")],
    ids=["qwen2-vl", "llava"],
)
def test_candidates_answer_and_read_as_under_transformers(base, donor, examples):
    check_alike(ZOO / base, ZOO / donor, examples)


def with_a_tied_head(model, folder):
    """A copy whose head is its embedding, and is not stored."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(model, folder)
    tensors = load_file(folder / "model.safetensors")
    head = next(name for name in tensors if name.endswith("lm_head.weight"))
    del tensors[head]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    config["tie_word_embeddings"] = config["text_config"]["tie_word_embeddings"] = True
    (folder / "config.json").write_text(json.dumps(config))
    return folder


@needs_vllm
def test_a_tied_head_moves_with_its_embedding(tmp_path, examples):
    models = [
        with_a_tied_head(model, tmp_path / name)
        for model, name in ((PAIR.base, "base"), (PAIR.donor, "donor"))
    ]
    check_alike(*models, examples)


@needs_vllm
def test_a_search_chooses_as_with_transformers(tmp_path):
    options = {"samples": 20, "max_new_tokens": 8, "device": "cpu", "alphas": "0,0.2,0.4,0.6"}
    runs = {
        engine: adamms.search(
            PAIR.base,
            PAIR.donor,
            PAIR.inputs,
            tmp_path / engine,
            engine=engine,
            engine_python=PYTHON,
            **options,
        ).path
        for engine in ("transformers", "vllm")
    }
    ours, theirs = (json.loads((run / "selection.json").read_text()) for run in runs.values())
    # Where one number is another in its seventh digit, so may those be that stand in a sentence.
    for selection in (ours, theirs):
        del selection["verdict"], selection["doubt"]["inputs_needed"]
    assert_close(theirs, ours)
    for name in ("donor.jsonl", "alpha=0.00.jsonl"):
        texts = [
            {line["id"]: line["response"] for line in map(json.loads, file.read_text().splitlines())}
            for file in (run / "responses" / name for run in runs.values())
        ]
        assert texts[0] == texts[1]
        assert len(texts[0]) == 20
    events = [json.loads(line) for line in (runs["vllm"] / "log.jsonl").read_text().splitlines()]
    noise = next(event for event in events if event["event"] == "noise")
    assert (noise["alpha"], noise["asked"], noise["differing"]) == (0.0, 20, 0)


def assert_close(found, wanted, where="selection"):
    """The same but for the last digits of numbers."""
    if isinstance(wanted, dict):
        assert found.keys() == wanted.keys(), where
        for key, value in wanted.items():
            assert_close(found[key], value, f"{where}.{key}")
    elif isinstance(wanted, list):
        assert len(found) == len(wanted), where
        for index, value in enumerate(wanted):
            assert_close(found[index], value, f"{where}[{index}]")
    elif isinstance(wanted, float):
        assert found == pytest.approx(wanted, abs=1e-3), where
    else:
        assert found == wanted, where


def test_vllm_that_is_not_there(monkeypatch):
    monkeypatch.delenv("ADAMMS_VLLM_PYTHON", raising=False)
    with open_model(PAIR.base) as base:
        with pytest.raises(SearchError, match=r"vLLM is not installed beside adamms.*--engine-python PATH"):
            open_engine(EngineRequest(base, ()), name="vllm")
        with pytest.raises(SearchError, match="The Python /no/python cannot be started"):
            open_engine(EngineRequest(base, (), python="/no/python"), name="vllm")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"device": "mps"}, "vLLM cannot be put on the device 'mps'"),
        ({"vision_tower": "tower"}, "in transformers' layout only, without --vision-tower"),
    ],
)
def test_what_vllm_is_not_asked_for(options, sentence):
    with open_model(PAIR.base) as base, pytest.raises(SearchError, match=sentence):
        open_engine(EngineRequest(base, (), EngineOptions(**options), python="/no/python"), name="vllm")


def test_weights_beside_those_that_are_merged_are_not_loaded_with_them(tmp_path):
    folder = tmp_path / "base"
    shutil.copytree(PAIR.base, folder)
    shutil.copy(folder / "model.safetensors", folder / "other.safetensors")
    said = r"holds other\.safetensors beside the weights that are merged, and vLLM would load both"
    with open_model(str(folder)) as base, pytest.raises(SearchError, match=said):
        open_engine(EngineRequest(base, (), python="/no/python"), name="vllm")


def test_towers_that_transformers_5_wrote_get_their_inner_name_back():
    names = [
        "language_model.x.weight",
        "vision_tower.embeddings.patch_embedding.weight",
        "vision_tower.norm.bias",
    ]
    assert with_inner_towers(names) == {
        "language_model.x.weight": "language_model.x.weight",
        "vision_tower.embeddings.patch_embedding.weight": (
            "vision_tower.vision_model.embeddings.patch_embedding.weight"
        ),
        "vision_tower.norm.bias": "vision_tower.vision_model.norm.bias",
    }
    assert with_inner_towers(["visual.patch_embed.proj.weight"]) == {}
    assert with_inner_towers(["vision_tower.vision_model.embeddings.patch_embedding.weight"]) == {}


def test_what_is_loaded_with_what_moves():
    names = [
        "model.embed_tokens.weight",
        "model.layers.1.mlp.up.weight",
        "model.layers.1.norm.weight",
        "model.layers.11.norm.weight",
        "model.norm.weight",
        "visual.blocks.1.norm.weight",
    ]
    assert neighbours(names, {"model.layers.1.norm.weight", "model.norm.weight"}) == (
        "model.layers.1.mlp.up.weight",
        "model.layers.1.norm.weight",
        "model.norm.weight",
    )


def test_tensors_are_merged_a_little_ahead():
    made = []

    def tensor(name):
        made.append(name)
        return torch.tensor(int(name))

    names = [str(number) for number in range(20)]
    with ThreadPoolExecutor(1) as pool:
        stream = ahead(tensor, names, pool)
        first = next(stream)
        assert first == ("0", torch.tensor(0))
        assert len(made) <= AHEAD + 1
        assert [name for name, _ in stream] == names[1:]
    assert made == names
