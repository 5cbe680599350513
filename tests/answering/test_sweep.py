"""A sweep answers as written merged checkpoints do, asks nothing twice and writes nothing."""

import json
from dataclasses import replace

import pytest
import torch

import tiny_models
from adamms.adapters import open_model
from adamms.answering.engine import EngineOptions
from adamms.answering.preparation import Preparation
from adamms.answering.sweep import Sweep, transformers_opener
from adamms.answering.transformers_engine import TransformersEngine, open_image
from adamms.checkpoints import Checkpoint, CheckpointWriter
from adamms.errors import SearchError
from adamms.mapping import MappedDonor, map_parameters
from adamms.merging import MergeInputs, make_method
from adamms.merging.stream import stream_merge
from adamms.responses.inputs import Example
from adamms.responses.responses import Response
from adapters import low_rank, write_adapter

ALPHAS = (0.0, 0.3, 0.6)
OPTIONS = EngineOptions(max_new_tokens=8, batch_size=4, device="cpu")
OFTEN = {"eos_token_id": list(range(0, 260, 10))}


def linear(alpha):
    return make_method("linear", {"alpha": alpha})


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    root = tmp_path_factory.mktemp("pictures")
    found = []
    for index, size in enumerate([(16, 16), (40, 20), (20, 40), (64, 16), (30, 30)]):
        path = root / f"{index}.png"
        tiny_models.picture(*size, seed=index).save(path)
        found.append(Example(f"q{index}", (path,), "Why?" * (index + 1)))
    return [*found, Example("text", (), "Why not?")]


class Pair:
    """Two tiny models on disk, opened and mapped."""

    def __init__(self, root, base, donor, **settings):
        tiny_models.build(base, root / "base", dtype="bfloat16", generation=OFTEN, **settings)
        tiny_models.build(donor, root / "donor", seed=1, dtype="bfloat16")
        self.base = Checkpoint.open(root / "base")
        self.donor = Checkpoint.open(root / "donor")
        self.mapping = map_parameters(self.base, self.donor)
        self.mapped = MappedDonor(self.mapping, self.base, self.donor)
        self.parents = MergeInputs.pair(self.base, self.donor, self.mapped)

    def sweep(self, examples, alphas=ALPHAS, *, skip=(), engine=None):
        opener = (
            transformers_opener(self.parents, OPTIONS) if engine is None else lambda changed, current: engine
        )
        asking = Sweep(self.parents, examples, method=linear, engine=opener)
        return asking.ask({alpha: [e.id for e in examples if (alpha, e.id) not in skip] for alpha in alphas})

    def engine(self, **options):
        return TransformersEngine(
            self.base, changed=self.parents.changed(linear(0.5)), options=replace(OPTIONS, **options)
        )

    def written(self, folder, alpha):
        writer = CheckpointWriter(folder, self.base)
        stream_merge(self.parents, method=linear(alpha), writer=writer)
        writer.finish()
        return folder


PAIRS = [("qwen2_vl", "llava_onevision"), ("llava_onevision", "qwen2_vl"), ("qwen2_5_vl", "qwen2")]


@pytest.fixture(scope="module", params=PAIRS, ids="<-".join)
def pair(request, tmp_path_factory):
    return Pair(tmp_path_factory.mktemp("pair"), *request.param)


@pytest.fixture(scope="module")
def one_pair(tmp_path_factory):
    return Pair(tmp_path_factory.mktemp("pair"), *PAIRS[0])


def test_answers_are_those_of_the_written_merged_models(pair, examples, tmp_path):
    from transformers import AutoModelForImageTextToText

    answers = {(answer.alpha, answer.id): answer for answer in pair.sweep(examples)}
    assert len(answers) == len(ALPHAS) * len(examples)
    for alpha in ALPHAS:
        folder = pair.written(tmp_path / f"{alpha}", alpha)
        model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).eval()
        preparation = Preparation.from_folder(folder)
        for example in examples:
            inputs = preparation.prepare([open_image(path) for path in example.images], example.prompt)
            ids = model.generate(**inputs, do_sample=False, max_new_tokens=8)
            tokens = ids[0, inputs["input_ids"].shape[1] :].tolist()
            answer = answers[alpha, example.id]
            assert answer.response == preparation.decode(tokens)
            assert answer.tokens == len(tokens)
    assert len({answer.response for answer in answers.values()}) > len(examples)


def test_embeddings_are_merged_by_token(tmp_path, examples):
    """The donor's tokenizer knows one token less and has another order: rows follow the tokens."""
    pair = Pair(tmp_path, "qwen2_vl", "qwen2")
    path = tmp_path / "donor" / "tokenizer.json"
    tokenizer = json.loads(path.read_text())
    vocabulary = tokenizer["model"]["vocab"]
    first, second = list(vocabulary)[:2]
    vocabulary[first], vocabulary[second] = vocabulary[second], vocabulary[first]
    path.write_text(json.dumps(tokenizer))
    donor = Checkpoint.open(tmp_path / "donor")
    mapping = map_parameters(pair.base, donor)
    mapped = MappedDonor(mapping, pair.base, donor)
    parents = MergeInputs.pair(pair.base, donor, mapped)
    assert len(mapping.tensors["model.embed_tokens.weight"].segments) > 1
    from adamms.merging.tensors import merged_tensor

    generator = pair.engine()
    generator.load_weights(0.5, lambda name: merged_tensor(parents, name, method=linear(0.5)))
    base = pair.base.tensor("model.embed_tokens.weight").float()
    other = donor.tensor("model.embed_tokens.weight").float()
    rows = torch.arange(len(base))
    rows[[0, 1]] = rows[[1, 0]]
    expected = (0.5 * base + 0.5 * other[rows]).bfloat16().float()
    assert torch.equal(generator.model.get_input_embeddings().weight, expected)


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_weights_laid_in_place_are_those_that_are_copied(one_pair, dtype):
    from adamms.merging.parent_store import StreamedParents
    from adamms.merging.tensors import TensorMerger

    generator = one_pair.engine(dtype=dtype)
    merger = TensorMerger(one_pair.parents, store=StreamedParents(torch.device("cpu")))
    language = generator.model.get_decoder()
    generator.load_weights(0.5, merger.candidate(linear(0.5)))
    laid = {name: value.clone() for name, value in language.state_dict().items()}
    generator.load_weights(0.0, merger.candidate(linear(0.0)))
    assert not torch.equal(laid["norm.weight"], language.norm.weight)
    generator.load_weights(0.5, lambda name: merger.merged(name, linear(0.5)))
    assert all(torch.equal(value, laid[name]) for name, value in language.state_dict().items())


def test_answers_are_the_same_every_time(one_pair, examples):
    assert list(one_pair.sweep(examples)) == list(one_pair.sweep(examples))


def test_what_is_answered_is_not_asked_again(one_pair, examples):
    everything = list(one_pair.sweep(examples))
    done = {(answer.alpha, answer.id) for answer in everything[:8]}
    rest = list(one_pair.sweep(examples, skip=done))
    assert len(rest) == len(everything) - len(done)
    assert {(answer.alpha, answer.id) for answer in rest}.isdisjoint(done)
    by_key = {(answer.alpha, answer.id): answer for answer in everything}
    for answer in rest:
        expected = by_key[answer.alpha, answer.id]
        assert (answer.response, answer.tokens) == (expected.response, expected.tokens)
        assert answer.confidence == pytest.approx(expected.confidence, abs=1e-5)


def test_a_finished_search_loads_nothing(one_pair, examples, monkeypatch):
    from adamms.answering import transformers_engine

    monkeypatch.delattr(transformers_engine, "TransformersEngine")
    done = {(alpha, example.id) for alpha in ALPHAS for example in examples}
    assert list(one_pair.sweep(examples, skip=done)) == []


def test_candidate_by_candidate_and_nothing_written(one_pair, examples, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = sorted(one_pair.base.folder.rglob("*"))
    order = [answer.alpha for answer in one_pair.sweep(examples)]
    assert order == sorted(order)
    assert list(tmp_path.iterdir()) == []
    assert sorted(one_pair.base.folder.rglob("*")) == before


def test_an_interrupted_sweep_goes_on_with_skip(one_pair, examples):
    kept = []
    answers = one_pair.sweep(examples)
    for answer in answers:
        kept.append(answer)
        if len(kept) == 5:
            answers.close()
    assert torch.is_grad_enabled()
    rest = list(one_pair.sweep(examples, skip={(answer.alpha, answer.id) for answer in kept}))
    assert len(kept) + len(rest) == len(ALPHAS) * len(examples)


class Echo:
    """An engine that answers with its alpha."""

    def __init__(self):
        self.prepared, self.moves = [], []

    def prepare(self, examples):
        self.prepared = [example.id for example in examples]

    def load_weights(self, alpha, merged):
        self.moves.append((alpha, merged("model.norm.weight").dtype))

    def answer(self, ids):
        for id in ids:
            yield Response(id, self.moves[-1][0], f"{self.moves[-1][0]} {id}")


def test_another_engine(one_pair, examples):
    engine = Echo()
    done = {(0.3, example.id) for example in examples} | {(0.0, "q0"), (0.6, "q0")}
    answers = list(one_pair.sweep(examples, engine=engine, skip=done))
    assert engine.prepared == [example.id for example in examples if example.id != "q0"]
    assert engine.moves == [(0.0, torch.bfloat16), (0.6, torch.bfloat16)]
    assert len(answers) == 2 * (len(examples) - 1)


def test_a_base_of_which_only_headers_were_read_is_refused(one_pair, examples, monkeypatch):
    monkeypatch.setattr(one_pair.base, "folder", None)
    with pytest.raises(SearchError, match="Only the headers of"):
        list(one_pair.sweep(examples))


def test_a_base_with_an_adapter_answers_with_it(tmp_path, examples):
    """On its language model, which the merge moves, and on its vision side, which no candidate does."""
    from transformers import AutoModelForImageTextToText

    pair = Pair(tmp_path, "qwen2_vl", "llava_onevision")
    linear_layers = {
        "model.language_model.layers.1.mlp.up_proj": (48, 32),
        "model.visual.blocks.0.mlp.fc1": tuple(pair.base.tensors["visual.blocks.0.mlp.fc1.weight"].shape),
    }
    adapter = write_adapter(tmp_path / "lora", low_rank(linear_layers, size=2.0))
    adapted = open_model(f"{tmp_path / 'base'}+{adapter}")
    assert len(adapted.computed) == 2
    answers = {}
    for base in (pair.base, adapted):
        pair.base = base
        pair.parents = MergeInputs.pair(base, pair.donor, MappedDonor(pair.mapping, base, pair.donor))
        answers[base.source] = {
            (each.alpha, each.id): each for each in pair.sweep(examples, alphas=(0.0, 0.3))
        }
    plain, ours = answers.values()
    assert [each.response for each in plain.values()] != [each.response for each in ours.values()]
    for alpha in (0.0, 0.3):
        folder = pair.written(tmp_path / f"{alpha}", alpha)
        model = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).eval()
        preparation = Preparation.from_folder(folder)
        for example in examples:
            inputs = preparation.prepare([open_image(path) for path in example.images], example.prompt)
            ids = model.generate(**inputs, do_sample=False, max_new_tokens=8)
            tokens = ids[0, inputs["input_ids"].shape[1] :].tolist()
            assert ours[alpha, example.id].response == preparation.decode(tokens)
