"""A model on several devices: here main memory twice, as accelerate's offloading has it, and what is refused.

On two GPUs accelerate only copies what passes between them; the rest is the same as here.
"""

import pytest
import torch

import adamms.answering.transformers_engine as engine_module
import tiny_models
from adamms.adapters import open_model
from adamms.answering.engine import EngineOptions
from adamms.answering.live_model import live_tensors_of, load_model
from adamms.answering.spread import spread_of
from adamms.answering.sweep import Sweep, transformers_opener
from adamms.checkpoints import Checkpoint
from adamms.errors import SearchError
from adamms.mapping import MappedDonor, map_parameters
from adamms.merging import MergeInputs, make_method
from adamms.merging.spread import SpreadMerger
from adamms.merging.tensors import TensorMerger
from adamms.responses import Example, read_inputs
from adamms.zoo import shipped_pair

accelerate = pytest.importorskip("accelerate", reason="not installed: pip install adamms[spread]")
PAIR = shipped_pair()
ALPHAS = (0.0, 0.5, 0.0)
OPTIONS = EngineOptions(max_new_tokens=6, batch_size=3, device="cpu")
CPU = torch.device("cpu")


def linear(alpha):
    return make_method("linear", {"alpha": alpha})


@pytest.fixture
def inputs():
    with open_model(PAIR.base) as base, open_model(PAIR.donor) as donor:
        yield MergeInputs.pair(base, donor, MappedDonor(map_parameters(base, donor), base, donor))


def layers_of(model):
    return model.model.language_model.layers


def keep_in_main_memory(model):
    """As accelerate does with layers that the GPUs have no room for; here they come back to the CPU."""
    for layer in layers_of(model)[1:3]:
        accelerate.cpu_offload(layer, execution_device=CPU)
    return model


def answers(inputs):
    examples = [*list(read_inputs(PAIR.inputs))[::25], Example("text", (), "what is two plus two ?")]
    sweep = Sweep(inputs, examples, method=linear, engine=transformers_opener(inputs, OPTIONS))
    ids = [example.id for example in examples]
    return [{response.id: response for response in sweep.ask({alpha: ids})} for alpha in ALPHAS]


def test_candidates_answer_the_same_wherever_their_weights_lie(inputs, monkeypatch):
    wanted = answers(inputs)
    assert wanted[0] != wanted[1]
    shells = []

    def spread(*arguments, **options):
        model = keep_in_main_memory(load_model(*arguments, **options))
        shells.extend(name for name, tensor in model.named_parameters() if tensor.is_meta)
        return model

    monkeypatch.setattr(engine_module, "load_model", spread)
    assert answers(inputs) == wanted
    assert len(shells) == 24


def test_where_weights_really_lie(tmp_path):
    model = load_model(PAIR.base, device=CPU, dtype=None, trust_remote_code=False)
    before = {name: tensor.clone() for name, tensor in model.named_parameters()}
    keep_in_main_memory(model)
    live = live_tensors_of(model)
    assert not any(tensor.is_meta for tensor in live.values())
    assert all(torch.equal(live[name], tensor) for name, tensor in before.items())

    layer = layers_of(model)[0]
    accelerate.disk_offload(layer, tmp_path / "offloaded", execution_device=CPU)
    with pytest.raises(
        SearchError, match=r"There is no room for model.*layers\.0\..* in memory: take more GPUs"
    ):
        live_tensors_of(model)


def test_a_tied_head_in_main_memory_is_not_given_memory_of_its_own(tmp_path, monkeypatch):
    tiny_models.build("qwen2_vl", tmp_path / "base", dtype="bfloat16")
    tiny_models.build("qwen2", tmp_path / "donor", seed=1, dtype="bfloat16")
    with Checkpoint.open(tmp_path / "base") as base, Checkpoint.open(tmp_path / "donor") as donor:
        pair = MergeInputs.pair(base, donor, MappedDonor(map_parameters(base, donor), base, donor))

        def tied(*arguments, **options):
            model = load_model(*arguments, **options)
            model.lm_head.weight = model.model.language_model.embed_tokens.weight
            accelerate.cpu_offload(model.lm_head, execution_device=CPU)
            model.model.language_model.embed_tokens.weight = model.lm_head.weight
            return model

        monkeypatch.setattr(engine_module, "load_model", tied)
        with pytest.raises(SearchError, match="is tied to another parameter and kept in main memory"):
            engine_module.TransformersEngine(base, changed=pair.changed(linear(0.5)), options=OPTIONS)


def test_a_spread_candidate_has_the_same_bits(inputs):
    merger = SpreadMerger(inputs, linear(0.3), [CPU])
    candidate, plain = merger.candidate(linear(0.3)), TensorMerger(inputs).candidate(linear(0.3))
    changed = inputs.changed(linear(0.3))
    assert dict(candidate.stream(changed[:2])).keys() == set(changed[:2])
    for name in changed:
        place = torch.zeros(inputs.base.tensors[name].shape, dtype=torch.bfloat16)
        assert candidate.accepts(name, place)
        candidate.write_into(name, place)
        assert torch.equal(place, plain(name))
        assert torch.equal(candidate(name), place)
    candidate.check()
    assert not candidate.accepts(
        changed[0], torch.zeros(inputs.base.tensors[changed[0]].shape, device="meta")
    )


@pytest.mark.skipif(torch.cuda.is_available(), reason="there are GPUs here")
def test_gpus_that_are_not_there():
    assert spread_of(EngineOptions()) is None
    assert spread_of(EngineOptions(device="auto")) is None
    assert spread_of(EngineOptions(device="cpu", gpus_per_model=1)) is None
    with pytest.raises(SearchError, match=r"--gpus-per-model 2 needs GPUs 0 to 1; there are 0 here\."):
        spread_of(EngineOptions(gpus_per_model=2))
    with pytest.raises(SearchError, match=r"--gpus-per-model 2 needs GPUs 3 to 4; there are 0 here\."):
        spread_of(EngineOptions(gpus_per_model=2, device="cuda:3"))
    with pytest.raises(SearchError, match="spreads over GPUs, not over 'cpu'"):
        spread_of(EngineOptions(gpus_per_model=2, device="cpu"))
