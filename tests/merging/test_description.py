"""A merge that is described, pickled, and done elsewhere has the same bits."""

import pickle
from contextlib import ExitStack

import pytest
import torch

from adamms.adapters import open_model
from adamms.errors import MappingError
from adamms.mapping import MappedDonor, map_parameters
from adamms.merging import MappedCheckpoint, MergeInputs, make_method
from adamms.merging.description import DescribedInputs, DescribedMethod
from adamms.merging.tensors import TensorMerger, in_layers
from adamms.zoo import shipped_pair
from adapters import low_rank, plus, write_adapter

PAIR = shipped_pair()


def view(base, donor):
    return MappedCheckpoint.of(MappedDonor(map_parameters(base, donor), base, donor))


def test_an_adapter_is_described_with_its_model(tmp_path):
    with ExitStack() as models:
        base = models.enter_context(open_model(PAIR.base))
        name = "model.layers.0.self_attn.q_proj"
        adapter = write_adapter(tmp_path / "adapter", low_rank({name: (128, 128)}))
        donor = models.enter_context(open_model(plus(PAIR.pretrained, adapter)))
        plain = models.enter_context(open_model(PAIR.pretrained))
        inputs, method = MergeInputs(base, (view(base, donor),)), make_method("linear", {"alpha": 1.0})
        again = DescribedInputs.of(inputs).open(models)
        moved = f"{name}.weight"
        merged = TensorMerger(again).merged(moved, method)
        assert torch.equal(merged, TensorMerger(inputs).merged(moved, method))
        assert not torch.equal(merged, plain.tensor(moved))


@pytest.mark.parametrize("method", ["linear", "task_arithmetic"])
def test_what_is_opened_from_a_description_merges_to_the_same_bits(method):
    with ExitStack() as models:
        base, donor, ancestor = (
            models.enter_context(open_model(source)) for source in (PAIR.base, PAIR.donor, PAIR.pretrained)
        )
        inputs = MergeInputs(base, (view(base, donor),), view(base, ancestor))
        merge = make_method(method, {"alpha": ({"mlp": 0.25, "default": 0.5},)})
        sent = pickle.dumps((DescribedInputs.of(inputs), DescribedMethod.of(merge)))
        there, how = pickle.loads(sent)
        again, same = there.open(models), how.method()
        assert [model.source for model in again.checkpoints] == [
            str(path) for path in (PAIR.base, PAIR.donor, PAIR.pretrained)
        ]
        assert again.changed(same) == inputs.changed(merge)
        here, elsewhere = TensorMerger(inputs).candidate(merge), TensorMerger(again).candidate(same)
        names = inputs.changed(merge)
        assert len(names) == 51
        for name, tensor in elsewhere.stream(names):
            assert torch.equal(tensor.view(torch.uint8), here(name).view(torch.uint8)), name


def test_another_model_in_a_donors_place_is_refused(tmp_path):
    with ExitStack() as models:
        base, donor = (models.enter_context(open_model(source)) for source in (PAIR.base, PAIR.donor))
        described = DescribedInputs.of(MergeInputs(base, (view(base, donor),)))
        stranger = described.donors[0].mapping
        changed = DescribedInputs(
            described.base, (type(described.donors[0])(str(PAIR.pretrained), stranger),)
        )
        with pytest.raises(MappingError, match="does not fit"):
            changed.open(models)


def test_a_stream_keeps_layers_together_and_in_order():
    with ExitStack() as models:
        base, donor = (models.enter_context(open_model(source)) for source in (PAIR.base, PAIR.donor))
        inputs = MergeInputs(base, (view(base, donor),))
        method = make_method("linear", {"alpha": 0.5})
        weights = TensorMerger(inputs).candidate(method)
        names = ["b.10.weight", "b.9.bias", "b.9.weight", "a.weight"]
        assert sorted(names, key=in_layers) == ["a.weight", "b.9.bias", "b.9.weight", "b.10.weight"]
        streamed = [name for name, _ in weights.stream(inputs.changed(method))]
        layers = [name.partition("layers.")[2].partition(".")[0] for name in streamed]
        inside = [int(layer) for layer in layers if layer]
        assert inside == sorted(inside)
        assert set(inside) == {0, 1, 2, 3}
