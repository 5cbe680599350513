"""`.bin` checkpoints: right bytes out of every container and layout, and never a line of their code run."""

import io
import pickle
import subprocess
import sys
import zipfile
from collections import OrderedDict
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from adamms.checkpoints import Checkpoint
from adamms.checkpoints.torch_file import read_torch_header
from adamms.errors import CheckpointError
from checkpoint_files import Tensors, raw, write_shards

BIN = "pytorch_model.bin"


def laid_out(tensors: Tensors) -> Tensors:
    """The tensors, and others that share or stride their storage."""
    grid = torch.arange(60.0).view(10, 6)
    return {
        **tensors,
        "grid": grid,
        "rows": grid[2:5],
        "transposed": grid.t(),
        "column": grid[:, 1],
        "every_second": grid[::2, ::3],
        "expanded": torch.tensor([1.0, 2.0])[:, None].expand(2, 3),
        "parameter": torch.nn.Parameter(torch.ones(2, 2).bfloat16()),
        "tied": tensors["model.embed_tokens.weight"],
    }


@pytest.mark.parametrize(
    "how",
    [{}, {"pickle_protocol": 4}, {"_use_new_zipfile_serialization": False}],
    ids=["zip", "protocol 4", "before torch 1.6"],
)
def test_every_tensor_comes_back_bit_for_bit(tmp_path: Path, tensors: Tensors, how: dict[str, Any]) -> None:
    state = OrderedDict(laid_out(tensors))
    if how.get("_use_new_zipfile_serialization") is False:
        del state["visual.quantised"]  # that container cannot hold float8
    state._metadata = OrderedDict({"": {"version": 1}})  # type: ignore[attr-defined]
    torch.save(state, tmp_path / BIN, **how)
    with Checkpoint.open(tmp_path) as checkpoint:
        assert checkpoint.format == "bin"
        checkpoint.require_data()
        assert list(checkpoint.tensors) == list(state)
        for name, tensor in state.items():
            info = checkpoint.tensors[name]
            assert info.shape == tuple(tensor.shape)
            assert checkpoint.tensor(name).dtype == tensor.dtype
            assert raw(checkpoint.tensor(name)) == raw(tensor)
            buffer = bytearray(info.nbytes)
            checkpoint.read_into(name, memoryview(buffer))
            assert bytes(buffer) == raw(tensor)
            data = (tmp_path / BIN).read_bytes()
            if info.offset >= 0:
                assert data[info.offset : info.offset + info.nbytes] == raw(tensor)
        strided = [name for name, info in checkpoint.tensors.items() if info.offset < 0]
        assert strided == ["transposed", "column", "every_second", "expanded"]


def test_any_part_of_a_strided_tensor_can_be_read(tmp_path: Path, tensors: Tensors) -> None:
    state = laid_out(tensors)
    torch.save(state, tmp_path / BIN)
    with Checkpoint.open(tmp_path) as checkpoint:
        for name in ("transposed", "column", "every_second", "expanded"):
            whole = raw(state[name])
            for start in range(0, len(whole), 5):
                part = bytearray(min(23, len(whole) - start))
                checkpoint.read_into(name, memoryview(part), start=start)
                assert bytes(part) == whole[start : start + 23]


def test_shards_named_without_zeros_come_in_order(tmp_path: Path, tensors: Tensors) -> None:
    folder = write_shards(
        tmp_path / "model",
        tensors,
        index="pytorch_model.bin.index.json",
        name=lambda number: f"pytorch_model-{number}-of-11.bin",
        save=torch.save,
    )
    with Checkpoint.open(folder) as checkpoint:
        assert checkpoint.shards == tuple(f"pytorch_model-{number}-of-11.bin" for number in range(1, 12))
        for name, tensor in tensors.items():
            assert raw(checkpoint.tensor(name)) == raw(tensor)
    (folder / "pytorch_model-3-of-11.bin").unlink()
    with pytest.raises(CheckpointError, match=r"lacks pytorch_model-3-of-11\.bin"):
        Checkpoint.open(folder)


def test_headers_and_bytes_are_read_without_torch(tmp_path: Path, tensors: Tensors) -> None:
    state = laid_out(tensors)
    torch.save(state, tmp_path / BIN)
    expected = {name: raw(tensor) for name, tensor in state.items()}
    code = (
        "import sys; from adamms.checkpoints import Checkpoint\n"
        f"checkpoint = Checkpoint.open({str(tmp_path)!r})\n"
        "read = {name: checkpoint.read_bytes(name, 0, info.nbytes)\n"
        "        for name, info in checkpoint.tensors.items()}\n"
        f"assert read == {expected!r}\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


class Attack:
    """Touches a file when it is unpickled, in whichever way the test asks for."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.reduced = (function, arguments)

    def __reduce__(self) -> Any:
        return self.reduced


@pytest.mark.parametrize("container", ["zip", "legacy", "plain", "protocol 0"])
@pytest.mark.parametrize("where", ["value", "key", "state", "tensor"])
def test_a_pickle_that_wants_to_run_code_is_refused_and_nothing_runs(
    tmp_path: Path, container: str, where: str
) -> None:
    victim = tmp_path / "victim"
    attack = Attack(exec, f"open({str(victim)!r}, 'w').close()")
    value: Any = {
        "value": {"a": torch.zeros(2), "b": attack},
        "key": [attack, {"a": torch.zeros(2)}],
        "state": Attack(OrderedDict, attack),
        "tensor": {"a": Attack(torch._utils._rebuild_parameter, attack, True, OrderedDict())},
    }[where]
    path = tmp_path / BIN
    if container == "plain":
        path.write_bytes(pickle.dumps(value))
    elif container == "protocol 0":
        path.write_bytes(pickle.dumps(value, protocol=0))
    else:
        torch.save(value, path, _use_new_zipfile_serialization=container == "zip")
    with pytest.raises(CheckpointError) as caught:
        Checkpoint.open(tmp_path)
    assert "\n" not in str(caught.value)
    if container in ("zip", "legacy"):
        assert "its pickle wants to run builtins.exec. Nothing of it was run" in str(caught.value).replace(
            "__builtin__", "builtins"
        )
    assert not victim.exists()


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        (b"\x80\x02ccollections\nOrderedDict\n)\x81.", "the instruction NEWOBJ"),
        (b"\x80\x02(cos\nsystem\nX\x02\0\0\0idio.", "wants to run os.system"),
        (b"(S'id'\nios\nsystem\n.", "the instruction INST"),
        (b"\x80\x02\x82\x01.", "the instruction EXT1"),
        (b"\x80\x02ctorch\nFloatStorage\n)R.", "wants to call torch.FloatStorage"),
        (b"\x80\x02K\x05)R.", "wants to call 5"),
        (b"\x80\x02}(K\x01K\x02", "damaged"),
        (b"\x80\x02R.", "damaged"),
        (b"\x80\x02h\x07.", "damaged"),
        (b"\x80\x02}]K\x01s.", "damaged"),
        (b"\x80\x02K\x01Q.", "damaged"),
        (b"\x80\x02", "damaged"),
    ],
)
def test_hostile_and_broken_streams_are_told(tmp_path: Path, stream: bytes, said: str) -> None:
    with zipfile.ZipFile(tmp_path / BIN, "w") as archive:
        archive.writestr("archive/data.pkl", stream)
    with pytest.raises(CheckpointError, match=said):
        Checkpoint.open(tmp_path)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"a": torch.zeros(1), "epoch": 3}, r"'epoch' \(int\) among its tensors"),
        ({"a": {"b": torch.zeros(1)}}, r"'a' \(dict\) among its tensors"),
        ({3: torch.zeros(1)}, "among its tensors"),
        ([torch.zeros(1)], "holds a list, not a dictionary of tensors"),
        (torch.zeros(1), "not a dictionary"),
    ],
)
def test_files_that_are_no_state_dict_are_refused(tmp_path: Path, value: Any, said: str) -> None:
    torch.save(value, tmp_path / BIN)
    with pytest.raises(CheckpointError, match=said):
        Checkpoint.open(tmp_path)


def test_a_training_checkpoints_state_dict_is_found(tmp_path: Path) -> None:
    torch.save({"state_dict": {"a": torch.ones(2)}, "epoch": 3, "loss": [0.5]}, tmp_path / BIN)
    with Checkpoint.open(tmp_path) as checkpoint:
        assert torch.equal(checkpoint.tensor("a"), torch.ones(2))


def test_a_compressed_archive_is_refused(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(100)}, tmp_path / "plain")
    with zipfile.ZipFile(tmp_path / "plain") as plain, zipfile.ZipFile(tmp_path / BIN, "w") as packed:
        for name in plain.namelist():
            packed.writestr(name, plain.read(name), zipfile.ZIP_DEFLATED)
    with pytest.raises(CheckpointError, match="is compressed"):
        Checkpoint.open(tmp_path)


def test_other_zip_archives_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / BIN, "w") as archive:
        archive.writestr("hello.txt", b"hello")
    with pytest.raises(CheckpointError, match="not a file of tensors"):
        Checkpoint.open(tmp_path)
    torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), tmp_path / BIN)
    with pytest.raises(CheckpointError, match="TorchScript"):
        Checkpoint.open(tmp_path)


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(1000)}, tmp_path / BIN)
    data = (tmp_path / BIN).read_bytes()
    (tmp_path / BIN).write_bytes(data[: len(data) // 2])
    with pytest.raises(CheckpointError, match="cannot be read as a file of tensors"):
        Checkpoint.open(tmp_path)
    torch.save({"a": torch.zeros(1000)}, tmp_path / BIN, _use_new_zipfile_serialization=False)
    data = (tmp_path / BIN).read_bytes()
    (tmp_path / BIN).write_bytes(data[:-100])
    with Checkpoint.open(tmp_path) as checkpoint, pytest.raises(CheckpointError, match="is cut off"):
        checkpoint.require_data()


@cache
def saved(*, legacy: bool) -> bytes:
    stream = io.BytesIO()
    torch.save(
        {"a": torch.arange(6.0).view(2, 3), "b": torch.ones(4).half()},
        stream,
        _use_new_zipfile_serialization=not legacy,
    )
    return stream.getvalue()


@settings(deadline=None, max_examples=300)
@given(st.booleans(), st.data())
def test_random_corruptions_are_refused_in_one_sentence_or_harmless(
    legacy: bool, data: st.DataObject
) -> None:
    # Places are drawn from a fixed range: a file's length differs from process to process.
    raw_file, places = bytearray(saved(legacy=legacy)), st.integers(0, 1 << 16)
    for _ in range(data.draw(st.integers(1, 6))):
        raw_file[data.draw(places) % len(raw_file)] = data.draw(st.integers(0, 255))
    del raw_file[data.draw(places) % (len(raw_file) + 1) :]

    def read(start: int, length: int) -> bytes:
        return bytes(raw_file[start : start + length])

    try:
        header = read_torch_header(read, shard=BIN, size=len(raw_file))
    except CheckpointError as error:
        assert "\n" not in str(error)
    else:
        for info in header.tensors:
            assert info.nbytes >= 0
