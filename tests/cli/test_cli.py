"""The command line as a user meets it: real processes, their output and exit codes."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors.numpy import load_file
from safetensors.torch import save_file

import grown_layouts
from small_pairs import language_model, text_config, write_llava_onevision, write_qwen2_vl


def adamms(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "adamms", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **options)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("models")
    return write_qwen2_vl(folder / "base"), write_llava_onevision(folder / "donor")


def test_help_and_version() -> None:
    result = adamms("--help")
    assert result.returncode == 0
    for verb in (
        "demo",
        "inspect",
        "map",
        "merge",
        "search",
        "select",
        "run",
        "eval",
        "report",
        "compare",
        "table",
        "verify",
        "methods",
    ):
        assert verb in result.stdout
        assert "Example" in adamms(verb, "--help").stdout
    assert adamms("--version").stdout.startswith("adamms ")


def test_neither_import_nor_help_brings_torch() -> None:
    code = "import sys, adamms.cli as _; print({'torch', 'transformers', 'pydantic'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "set()\n"


def test_inspect_and_map_print_one_json_document(pair: tuple[Path, Path]) -> None:
    inspected = adamms("inspect", pair[0], "--json")
    assert inspected.returncode == 0, inspected.stderr
    assert isinstance(json.loads(inspected.stdout), dict)
    mapped = json.loads(adamms("map", *pair, "--json").stdout)
    assert mapped["summary"]["merged"] == 27
    assert mapped["summary"]["kept"] == 3
    assert mapped["tensors"]["model.norm.weight"]["segments"] == [
        {"donor": "language_model.model.norm.weight"}
    ]
    assert mapped["tensors"]["visual.position_ids"]["status"] == "kept"


def test_map_prints_a_table_a_person_can_read(pair: tuple[Path, Path]) -> None:
    printed = adamms("map", *pair).stdout
    assert "27" in printed
    assert len(printed.splitlines()) < 60


def test_map_save_then_merge(pair: tuple[Path, Path], tmp_path: Path) -> None:
    saved = adamms("map", *pair, "--save", tmp_path / "mapping.json")
    assert saved.returncode == 0, saved.stderr
    out = tmp_path / "out"
    merged = adamms("merge", *pair, "--alpha", 0.3, "--mapping", tmp_path / "mapping.json", "--out", out)
    assert merged.returncode == 0, merged.stderr
    assert merged.stdout.strip() == str(out)
    assert (out / "adamms.json").exists()


def test_exclude_is_repeatable(pair: tuple[Path, Path]) -> None:
    result = adamms("map", *pair, "--exclude", "norms", "--exclude", "layers=0", "--json")
    mapped = json.loads(result.stdout)
    assert mapped["summary"]["kept"] == 3 + 3 + 12
    assert mapped["tensors"]["model.norm.weight"]["reason"] == "excluded by the user: norms"


def test_map_check_tells_relatives_from_strangers(pair: tuple[Path, Path], tmp_path: Path) -> None:
    base, donor = pair
    stranger = write_llava_onevision(tmp_path / "stranger", ancestor=9)
    for other, verdict in ((donor, "related"), (stranger, "unrelated")):
        result = adamms("map", base, other, "--check", "--pretrained", donor, "--json")
        assert result.returncode == 0, result.stderr
        ancestor = json.loads(result.stdout)["ancestor"]
        assert ancestor["verdict"] == ancestor["pretrained"]["donor"]["verdict"] == verdict
        assert ancestor["pretrained"]["base"]["verdict"] == "related"
        assert len(ancestor["tensors"]) == 12
        assert "0.9" in str(ancestor["similarity"]) if verdict == "related" else ancestor["similarity"] < 0.1
        shown = adamms("map", base, other, "--check").stdout
        assert f" {verdict}" in shown
        assert "strangers near 0" in shown
    assert "ancestor" not in json.loads(adamms("map", *pair, "--json").stdout)


def test_strangers_are_refused_unless_forced(pair: tuple[Path, Path], tmp_path: Path) -> None:
    stranger = write_llava_onevision(tmp_path / "stranger", ancestor=9)
    command = ("merge", pair[0], stranger, "--alpha", 0.3, "--out", tmp_path / "out")
    refused = adamms(*command)
    assert refused.returncode == 2
    assert "do not share an ancestor: cosine similarity of their weights" in refused.stderr
    assert not (tmp_path / "out").exists()
    forced = adamms(*command, "--force")
    assert forced.returncode == 0
    assert "do not share an ancestor" in forced.stderr


def test_a_discovered_mapping_is_saved_and_then_merged(tmp_path: Path) -> None:
    donor = grown_layouts.write(tmp_path / "llava", grown_layouts.llava())
    scrambled, names = grown_layouts.scrambled(grown_layouts.cogvlm())
    unknown = grown_layouts.write(tmp_path / "unknown", scrambled)
    file, out = tmp_path / "mapping.json", tmp_path / "out"
    merge = ("merge", unknown, donor, "--alpha", 1, "--out", out)
    refused = adamms(*merge)
    assert refused.returncode == 2
    assert "--discover" in refused.stderr
    found = adamms("map", unknown, donor, "--discover", "--check", "--save", file)
    assert found.returncode == 0, found.stderr
    assert "Recognised in unknown by its weights" in found.stdout
    assert "mlp.up, duplicate" in found.stdout
    assert "are found 2 times: the one more like the reference is taken for the text's" in found.stderr
    saved = json.loads(file.read_text())
    (discovery,) = saved["discovery"]
    fused = next(
        new
        for new, old in names.items()
        if old.endswith("0.self_attn.language_expert_query_key_value.weight")
    )
    assert [entry["slot"] for entry in discovery["tensors"][fused]] == [f"attention.{name}" for name in "qkv"]
    assert all(entry["confidence"] > 0.5 for entries in discovery["tensors"].values() for entry in entries)
    # Edited by hand: one row range less.
    saved["tensors"][fused]["segments"].pop(1)
    file.write_text(json.dumps(saved))
    merged = adamms(*merge, "--mapping", file)
    assert merged.returncode == 0, merged.stderr
    result, other = load_file(out / "model.safetensors"), load_file(donor / "model.safetensors")
    hidden = grown_layouts.HIDDEN
    attention = "model.layers.0.self_attn"
    assert (result[fused][:hidden] == other[f"{attention}.q_proj.weight"]).all()
    assert (result[fused][hidden : 2 * hidden] == scrambled[fused][hidden : 2 * hidden]).all()
    assert (result[fused][2 * hidden :] == other[f"{attention}.v_proj.weight"]).all()


def test_methods_lists_every_method_with_its_settings() -> None:
    printed = adamms("methods").stdout
    listed = json.loads(adamms("methods", "--json").stdout)
    assert len(listed) == 17
    for method in listed:
        assert f"{method['name']}: {method['summary']}" in printed
        for setting in method["settings"]:
            assert f"    {setting['name']} (" in printed


def test_merge_with_a_method_settings_an_ancestor_and_a_third_model(
    pair: tuple[Path, Path], tmp_path: Path
) -> None:
    llm = tmp_path / "llm"
    llm.mkdir()
    save_file(language_model(7), llm / "model.safetensors", metadata={"format": "pt"})
    (llm / "config.json").write_text(json.dumps(text_config()))
    out = tmp_path / "out"
    options = ("--method", "ties", "--set", "density=0.2", "--set", "lambda=1", "--pretrained", llm)
    parts = "attention=0.4;mlp=0.2,0.6"
    result = adamms(
        "merge",
        *pair,
        *options,
        "--alpha",
        parts,
        "--donor",
        f"{llm}=0.1",
        "--out",
        out,
        "--dtype",
        "float32",
    )
    assert result.returncode == 0, result.stderr
    about = json.loads((out / "adamms.json").read_text())
    assert (about["method"], about["density"], about["lambda"]) == ("ties", 0.2, 1.0)
    assert about["alpha"] == [{"attention": 0.4, "mlp": [0.2, 0.6]}, 0.1]
    for wrong in (("--alpha", "a lot"), ("--set", "density=2"), ("--set", "dense=0.2")):
        failed = adamms("merge", *pair, *options, *wrong, "--out", tmp_path / "failed")
        assert failed.returncode == 2
        assert "Traceback" not in failed.stderr


def test_run_merges_from_a_recipe(pair: tuple[Path, Path], tmp_path: Path) -> None:
    recipe = tmp_path / "both.yaml"
    recipe.write_text(
        f"base: {pair[0]}\ndonor: {pair[1]}\nmerge: {{method: linear, settings: {{alpha: 0.5}}}}\n"
    )
    result = adamms("run", recipe, "--json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["path"] == str(tmp_path / "both")
    assert (tmp_path / "both" / "recipe.yaml").exists()


def test_the_users_mistakes_get_one_sentence_and_exit_code_2(pair: tuple[Path, Path], tmp_path: Path) -> None:
    base, donor = map(str, pair)
    deeper = write_other(tmp_path / "other")
    stranger = write_llava_onevision(tmp_path / "stranger", ancestor=9)
    out = tmp_path / "out"
    for arguments in (
        ("inspect", tmp_path / "nowhere"),
        ("inspect", tmp_path),
        ("map", base, deeper),
        ("map", base, donor, "--duplicates", "all"),
        ("map", base, donor, "--vocabulary", "words"),
        ("map", base, donor, "--exclude", "norm"),
        ("map", base, stranger, "--discover", "--reference", tmp_path / "nowhere"),
        ("merge", base, donor, "--out", out, "--alpha", "0.1", "--exclude", "layers=9"),
        ("merge", base, donor, "--out", out, "--alpha", "2"),
        ("merge", "", donor, "--out", out, "--alpha", "0.1"),
        ("merge", "~nobody-of-this-name/x", donor, "--out", out, "--alpha", "0.1"),
        ("merge", base, donor, "--out", "~nobody-of-this-name/x", "--alpha", "0.1"),
        ("merge", "x" * 300, donor, "--out", out, "--alpha", "0.1"),
        ("merge", base, donor, "--out", out, "--alpha", "mlp=0.1;mlp=0.2"),
        ("merge", base, donor, "--out", out, "--alpha", "0", "--set", "base_weight=0"),
        ("merge", base, donor, "--out", out),
        ("merge", base, donor, "--out", out, "--method", "tise", "--alpha", "0.1"),
        ("merge", base, donor, "--out", out, "--set", "alpha"),
        ("merge", base, donor, "--out", out, "--alpha", "0.1", "--dtype", "int8"),
        ("merge", base, donor, "--out", out, "--alpha", "0.1", "--max-shard-size", "big"),
        ("merge", base, donor, "--out", base, "--alpha", "0.1", "--overwrite"),
        ("search", base, donor, "--out", out, "--inputs", tmp_path / "none.jsonl"),
        ("run", tmp_path / "none.yaml"),
        ("select", tmp_path / "none"),
        ("report", tmp_path),
        ("compare", tmp_path, tmp_path),
        ("merge", base),
        ("conjure",),
    ):
        result = adamms(*arguments)
        assert result.returncode == 2, (arguments, result.stdout, result.stderr)
        assert result.stderr.strip(), arguments
        assert "Traceback" not in result.stderr, (arguments, result.stderr)
        assert not result.stdout or "Usage" in result.stdout, arguments
        assert not out.exists()


def write_other(folder: Path) -> str:
    """A language model of other sizes than the pair's."""
    import torch
    from safetensors.torch import save_file

    tensors = {name: torch.cat([tensor, tensor]) for name, tensor in language_model(3).items()}
    folder.mkdir()
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_text(json.dumps({**text_config(), "hidden_size": 32}))
    return str(folder)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_merge_stopped_at_any_moment_leaves_no_output(
    pair: tuple[Path, Path], tmp_path: Path, signum: signal.Signals
) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "adamms", "merge", *map(str, pair), "--alpha", "0.3", "--out", str(out)]
    rng = random.Random(signum)
    codes = []
    for _ in range(4):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0.3, 3))
        process.send_signal(signum)
        codes.append(process.wait(timeout=60))
        if out.exists():
            # It was finished before the signal came: then it must be whole.
            assert (out / "adamms.json").exists()
            assert codes[-1] == 0 or (out / "README.md").exists()
            out.rename(tmp_path / f"whole-{len(codes)}")
    finished = adamms("merge", *pair, "--alpha", 0.3, "--out", out)
    assert finished.returncode == 0, finished.stderr
    if signum != signal.SIGKILL:
        assert not list(tmp_path.glob(".*"))
    expected = {0, -signum} if signum == signal.SIGKILL else {0, 130}
    # By a signal itself while Python starts or ends, before or after anything of ours runs.
    assert set(codes) <= expected | {-signum, -signal.SIGINT}


@pytest.mark.parametrize("closing", [">&-", "2>&-", ">&- 2>&-"])
def test_streams_that_are_closed_are_no_error(pair: tuple[Path, Path], tmp_path: Path, closing: str) -> None:
    out = tmp_path / "out"
    command = f"{sys.executable} -m adamms merge {pair[0]} {pair[1]} --alpha 0.1 --out {out} {closing}"
    assert subprocess.run(["bash", "-c", command], check=False).returncode == 0
    assert (out / "adamms.json").exists()
    assert subprocess.run(["bash", "-c", command], check=False).returncode == 2


def test_what_cannot_be_printed_is_said(pair: tuple[Path, Path]) -> None:
    command = f"{sys.executable} -m adamms map {pair[0]} {pair[1]} --json >/dev/full"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "could not be: No space left on device" in result.stderr
    assert "fault" not in result.stderr


def test_names_that_cannot_be_written_down_are_refused(pair: tuple[Path, Path], tmp_path: Path) -> None:
    odd = tmp_path / b"caf\xe9".decode(errors="surrogateescape")
    odd.symlink_to(pair[0])
    for base, out in ((odd, tmp_path / "out"), (pair[0], odd.with_name(odd.name + "2"))):
        result = adamms("merge", base, pair[1], "--alpha", 0.1, "--out", out)
        assert result.returncode == 2, result.stderr
        assert "UTF-8" in result.stderr


def test_a_closed_pipe_is_no_error(pair: tuple[Path, Path]) -> None:
    command = f"{sys.executable} -m adamms map {pair[0]} {pair[1]} --json | head -n 1"
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert result.stdout == "{\n"
    assert "roken" not in result.stderr
    assert "fault" not in result.stderr
