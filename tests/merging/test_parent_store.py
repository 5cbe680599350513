"""MergeInputs read through a device give their files' values, bit for bit, and say where they are."""

import pytest
import torch

import tiny_models
from adamms.adapters import open_model
from adamms.checkpoints import Checkpoint
from adamms.errors import MachineError, MergeError
from adamms.mapping import MappedDonor, map_parameters
from adamms.merging import MergeInputs, make_method
from adamms.merging import parent_store as parent_store_module
from adamms.merging.dtypes import RawTensor
from adamms.merging.parent_store import (
    CachedParents,
    StreamedParents,
    choose_parent_store,
    elementwise,
    needed,
)
from adamms.merging.tensors import TensorMerger
from adapters import low_rank, write_adapter
from small_families import settings_of

CPU = torch.device("cpu")


@pytest.fixture(scope="module", params=["bfloat16", "float32"])
def parents(request, tmp_path_factory):
    root = tmp_path_factory.mktemp("pair")
    tiny_models.build("qwen2_vl", root / "base", dtype=request.param)
    tiny_models.build("llava_onevision", root / "donor", seed=1, dtype="bfloat16")
    base, donor = Checkpoint.open(root / "base"), Checkpoint.open(root / "donor")
    return MergeInputs.pair(base, donor, MappedDonor(map_parameters(base, donor), base, donor))


@pytest.mark.parametrize("name", ["linear", "slerp"])
def test_the_values_are_those_of_the_files(parents, name):
    method = make_method(name, {"alpha": 0.3})
    held = CachedParents(parents, method, device=CPU)
    mapped, resident = TensorMerger(parents), TensorMerger(parents, store=held)
    for _ in range(2):  # what is held is not used up
        for tensor in parents.changed(method):
            assert torch.equal(mapped.merged(tensor, method), resident.merged(tensor, method))


class Elsewhere(CachedParents):
    """Held as on a GPU: as tensors, blended in large blocks without a detour through numpy."""

    def __init__(self, parents, method):
        super().__init__(parents, method, device=CPU)
        self.on_cpu, self.block_elements = False, 1 << 24
        self._copies = {
            key: RawTensor(torch.from_numpy(raw), dtype) for key, (raw, dtype) in self._copies.items()
        }


@pytest.mark.parametrize("name", ["linear", "nearswap"])
@pytest.mark.parametrize("size", [1 << 22, 100])
def test_blending_on_the_way_from_the_files_gives_the_same_values(parents, name, size):
    method = make_method(name, settings_of(name))
    store = StreamedParents(CPU)
    store.block_elements = size
    mapped, device = TensorMerger(parents), TensorMerger(parents, store=store)
    for tensor in parents.changed(method):
        expected = mapped.merged(tensor, method)
        assert torch.equal(expected, device.merged(tensor, method))
        raw, _ = store.whole(parents.base, tensor)
        assert torch.equal(raw.view(expected.dtype).view(expected.shape), parents.base.tensor(tensor))


@pytest.mark.parametrize("name", ["linear", "nearswap"])
def test_blending_on_a_device_gives_the_same_values(parents, name):
    method = make_method(name, settings_of(name))
    store = Elsewhere(parents, method)
    before = [raw.clone() for raw, _ in store._copies.values()]
    mapped, device = TensorMerger(parents), TensorMerger(parents, store=store)
    for tensor in parents.changed(method):
        assert torch.equal(mapped.merged(tensor, method), device.merged(tensor, method))
    assert all(map(torch.equal, before, [raw for raw, _ in store._copies.values()]))


def test_a_number_that_is_none_is_named_there_too(tmp_path):
    tiny_models.build("qwen2", tmp_path / "base")
    tiny_models.build("qwen2", tmp_path / "donor", seed=1)
    from safetensors.torch import load_file, save_file

    path = tmp_path / "donor" / "model.safetensors"
    tensors = load_file(path)
    tensors["model.norm.weight"][3] = float("nan")
    save_file(tensors, path, {"format": "pt"})
    base, donor = Checkpoint.open(tmp_path / "base"), Checkpoint.open(tmp_path / "donor")
    pair = MergeInputs.pair(base, donor, MappedDonor(map_parameters(base, donor), base, donor))
    method = make_method("linear", {"alpha": 0.3})
    told = r"model\.norm\.weight in the donor holds 1 NaN"
    for held in (CachedParents(pair, method, device=CPU), Elsewhere(pair, method), StreamedParents(CPU)):
        merger = TensorMerger(pair, store=held)
        with pytest.raises(MergeError, match=told):
            merger.merged("model.norm.weight", method)
        candidate = merger.candidate(method)
        for name in pair.changed(method):
            candidate.write_into(name, torch.empty_like(base.tensor(name)))
        with pytest.raises(MergeError, match=told):
            candidate.check()


def test_a_tensor_is_laid_only_where_it_fits(parents):
    method = make_method("linear", {"alpha": 0.3})
    candidate = TensorMerger(parents).candidate(method)
    name = "model.layers.0.self_attn.q_proj.weight"
    live = torch.nn.Parameter(torch.zeros_like(parents.base.tensor(name)))
    assert candidate.accepts(name, live)
    candidate.write_into(name, live)
    candidate.check()
    assert torch.equal(live, candidate(name))
    for other in (live.double(), live.mT, live[:, 1:], live.to("meta")):
        assert not candidate.accepts(name, other)


def test_an_adapter_is_held_before_it_is_rounded(tmp_path):
    tiny_models.build("qwen2", tmp_path / "base", dtype="bfloat16")
    tiny_models.build("qwen2", tmp_path / "donor", seed=1, dtype="bfloat16")
    layers = {"model.layers.1.mlp.up_proj": (48, 32)}
    adapter = write_adapter(tmp_path / "lora", low_rank(layers, size=2.0))
    base = Checkpoint.open(tmp_path / "base")
    donor = open_model(f"{tmp_path / 'donor'}+{adapter}")
    pair = MergeInputs.pair(base, donor, MappedDonor(map_parameters(base, donor), base, donor))
    method = make_method("linear", {"alpha": 0.3})
    name = "model.layers.1.mlp.up_proj.weight"
    for held in (CachedParents(pair, method, device=CPU), StreamedParents(CPU)):
        assert torch.equal(
            TensorMerger(pair, store=held).merged(name, method), TensorMerger(pair).merged(name, method)
        )


def test_where_the_parents_are_follows_from_the_memory(parents, monkeypatch):
    method = make_method("linear", {"alpha": 0.3})
    gpu = torch.device("meta")  # stands for a GPU: no memory is asked for
    held, told = choose_parent_store(parents, method, device=CPU)
    assert held is None
    assert "read from their files" in told
    held, told = choose_parent_store(parents, method, device=CPU, wanted="resident")
    assert held is not None
    assert "held on cpu" in told
    for free, wanted, expected in (
        (needed(parents, method), "auto", StreamedParents),
        (4 * needed(parents, method), "auto", CachedParents),
        (4 * needed(parents, method), "mapped", StreamedParents),
        (None, "auto", StreamedParents),
    ):
        monkeypatch.setattr(parent_store_module, "free_memory", lambda device, free=free: free)
        held, told = choose_parent_store(parents, method, device=gpu, wanted=wanted)
        assert type(held) is expected
        assert held.device == gpu
        assert ("held on meta" in told) == (expected is CachedParents)
        assert ("blended on meta" in told) == (expected is StreamedParents)
    held, told = choose_parent_store(parents, make_method("slerp", {"alpha": 0.3}), device=gpu)
    assert held is None
    assert "blended" not in told
    monkeypatch.setattr(parent_store_module, "free_memory", lambda device: 10)
    with pytest.raises(MachineError, match="--parents mapped"):
        choose_parent_store(parents, method, device=CPU, wanted="resident")


def test_methods_whose_sums_a_gpu_adds_in_another_order_stay_on_the_cpu():
    chosen = [("linear", {}), ("nuslerp", {"over": "rows"}), ("slerp", {}), ("dare_linear", {})]
    methods = [make_method(name, {"alpha": 0.3, **settings}) for name, settings in chosen]
    assert list(map(elementwise, methods)) == [True, False, False, False]
