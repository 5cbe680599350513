"""Models with adapters in every place where a model is named: merged, mapped, recorded, found again."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

import adamms
import adamms.progress
from adamms.adapters import open_model
from adamms.checkpoints.computed_tensors import read_values
from adamms.errors import AdaMMSError, CheckpointError, OutputError
from adamms.recipes.recipe import read_recipe
from adamms.runs.pipeline import run
from adapters import PREFIX, folded, low_rank, plus, shapes_of, write_adapter
from hub_server import HubServer
from small_pairs import language_model, text_config, write_llava_onevision, write_qwen2_vl

VISION = "visual.patch_embed.proj"
SCALING = 1.5


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return write_qwen2_vl(tmp_path / "base")


@pytest.fixture
def donor(tmp_path: Path) -> Path:
    return write_llava_onevision(tmp_path / "donor")


@pytest.fixture
def lora(tmp_path: Path) -> Path:
    """On the language model, under the names of transformers' class for either."""
    modules = shapes_of(language_model(0), ("q_proj", "up_proj", "down_proj"))
    named = {name.replace("model.", "model.language_model."): shape for name, shape in modules.items()}
    return write_adapter(tmp_path / "lora", low_rank(named))


@pytest.fixture
def vision(tmp_path: Path) -> Path:
    """On the vision side of the base alone, of which a merge changes nothing."""
    tensors = low_rank({VISION: (8, 24)})
    at = f"{PREFIX}{VISION}"
    tensors[f"{at}.lora_A.weight"] = tensors[f"{at}.lora_A.weight"].view(2, 3, 2, 2, 2)
    tensors[f"{at}.lora_B.weight"] = tensors[f"{at}.lora_B.weight"].view(8, 2, 1, 1, 1)
    tensors[f"{PREFIX}visual.merger.mlp.0.bias"] = torch.arange(8.0)
    return write_adapter(tmp_path / "vision", tensors)


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = {}
    for shard in sorted(folder.glob("*.safetensors")):
        found |= load_file(shard)
    return found


def write_folded(folder: Path, source: Path, adapter: Path) -> Path:
    """The model that an adapter stands for, in float32: nothing is rounded in it."""
    folder.mkdir()
    save_file(fold_all(source, adapter), folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "config.json").write_bytes((source / "config.json").read_bytes())
    return folder


def fold_all(source: Path, adapter: Path) -> dict[str, torch.Tensor]:
    with open_model(plus(source, adapter)) as seen:
        found = {}
        for name, info in seen.tensors.items():
            values = read_values(seen, name, 0, info.numel) if name in seen.computed else None
            plain = seen.tensor(name)
            wide = plain.float() if plain.is_floating_point() else plain
            found[name] = (wide if values is None else torch.from_numpy(values).view(info.shape)).clone()
    return found


@pytest.mark.parametrize("method", ["linear", "ties", "slerp"])
def test_a_donor_with_an_adapter_is_the_folded_donor(
    method: str, base: Path, donor: Path, lora: Path, tmp_path: Path
) -> None:
    whole = write_folded(tmp_path / "whole", donor, lora)
    options = {"alpha": 0.3, "method": method}
    if method == "ties":
        save_file(language_model(0), tmp_path / "model.safetensors")
        (tmp_path / "config.json").write_text(json.dumps(text_config()))
        options["pretrained"] = tmp_path
    adapted = adamms.merge(base, plus(donor, lora), tmp_path / "adapted", **options)
    plain = adamms.merge(base, whole, tmp_path / "plain", **options)
    ours, theirs = tensors(adapted.path), tensors(plain.path)
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours), "rounded once, at the end"
    without = tensors(adamms.merge(base, donor, tmp_path / "without", **options).path)
    changed = [name for name in ours if not torch.equal(ours[name], without[name])]
    assert len(changed) == 6 or method == "ties"


def test_a_base_with_an_adapter_keeps_its_layout_and_files(
    base: Path, donor: Path, lora: Path, vision: Path, tmp_path: Path
) -> None:
    both = f"{base}+{lora}+{vision}"
    result = adamms.merge(both, donor, tmp_path / "out", alpha=0)
    with (
        open_model(both) as seen,
        open_model(result.path) as merged,
        open_model(base) as model,
    ):
        assert {name: (info.shape, info.dtype, info.shard) for name, info in merged.tensors.items()} == {
            name: (info.shape, info.dtype, info.shard) for name, info in model.tensors.items()
        }
        assert merged.auxiliary_files() == (*model.auxiliary_files(), "recipe.yaml")
        assert merged.config == model.config
        for name in seen.tensors:
            assert torch.equal(merged.tensor(name), seen.tensor(name)), (
                "alpha 0 is the base, adapters included"
            )
        assert torch.equal(merged.tensor("visual.merger.mlp.0.bias"), torch.arange(8.0).bfloat16())
        moved = folded(
            model.tensor(f"{VISION}.weight"), load_file(vision / "adapter_model.safetensors") | flat(vision),
            VISION, scaling=SCALING,
        )  # fmt: skip
        assert torch.equal(merged.tensor(f"{VISION}.weight"), moved.bfloat16())
        assert torch.equal(merged.tensor("visual.position_ids"), model.tensor("visual.position_ids"))


def flat(adapter: Path) -> dict[str, torch.Tensor]:
    """A convolution's matrices as matrices."""
    return {
        name: each.flatten(1)
        for name, each in load_file(adapter / "adapter_model.safetensors").items()
        if "lora_" in name
    }


def test_kept_tensors_are_stored_in_another_dtype_with_one_rounding(
    base: Path, donor: Path, vision: Path, tmp_path: Path
) -> None:
    out = adamms.merge(plus(base, vision), donor, tmp_path / "out", alpha=0.3, dtype="float32").path
    expected = fold_all(base, vision)[f"{VISION}.weight"]
    assert torch.equal(tensors(out)[f"{VISION}.weight"], expected)
    assert not torch.equal(expected, expected.bfloat16().float())


def test_what_is_written_does_not_depend_on_threads(
    base: Path, donor: Path, lora: Path, tmp_path: Path
) -> None:
    one, four = (
        adamms.merge(base, plus(donor, lora), tmp_path / str(threads), alpha=0.3, threads=threads).path
        for threads in (1, 4)
    )
    for file in sorted(one.glob("*.safetensors")):
        assert file.read_bytes() == (four / file.name).read_bytes()


def test_an_ancestor_and_further_donors_may_have_adapters(
    base: Path, donor: Path, lora: Path, tmp_path: Path
) -> None:
    ancestor = tmp_path / "ancestor"
    ancestor.mkdir()
    save_file(language_model(0), ancestor / "model.safetensors")
    (ancestor / "config.json").write_text(json.dumps(text_config()))
    whole = write_folded(tmp_path / "whole", ancestor, lora)
    donors = [{"model": plus(donor, lora), "alpha": 0.1}]
    results = [
        adamms.merge(
            base,
            donor,
            tmp_path / f"out-{at}",
            alpha=0.3,
            method="task_arithmetic",
            pretrained=each,
            donors=donors,
        )
        for at, each in enumerate((plus(ancestor, lora), whole))
    ]
    ours, theirs = (tensors(result.path) for result in results)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    about = json.loads((results[0].path / "adamms.json").read_text())
    assert about["pretrained"]["adapters"][0]["source"] == str(lora)
    assert about["donors"][0]["adapters"][0]["source"] == str(lora)
    assert "adapters" not in about["donor"]


def test_the_output_says_what_it_is_made_from(base: Path, donor: Path, lora: Path, tmp_path: Path) -> None:
    result = adamms.merge(base, plus(donor, lora), tmp_path / "out", alpha=0.3)
    about = json.loads((result.path / "adamms.json").read_text())
    assert about["donor"]["source"] == str(donor)
    (adapter,) = about["donor"]["adapters"]
    assert adapter["source"] == str(lora)
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", adapter["fingerprint"])
    with open_model(donor) as model, open_model(plus(donor, lora)) as seen:
        assert about["donor"]["fingerprint"] == seen.fingerprint() != model.fingerprint()
    card = (result.path / "README.md").read_text()
    metadata = yaml.safe_load(card.split("---\n")[1])
    assert metadata["base_model"] == ["base", "donor", "lora"]
    assert metadata["base_model_relation"] == "merge"
    assert "# base merged with donor+lora" in card
    assert re.search(r"\| donor \| `donor` \(.*\) with the adapter `lora` \(.*\) \|", card)
    recipe = yaml.safe_load((result.path / "recipe.yaml").read_text())
    assert recipe["donor"] == f"{donor}+{lora}"
    # The recipe repeats the merge, and the parents are found again.
    run(read_recipe(result.path / "recipe.yaml"), tmp_path / "again")
    for path in result.path.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()
    from adamms.evaluation.verification import verify

    checks = {check.name: check for check in verify(result.path).checks}
    assert checks["parents"].passed is True, checks["parents"].detail
    config = lora / "adapter_config.json"
    config.write_text(config.read_text().replace('"lora_alpha": 3', '"lora_alpha": 4'))
    checks = {check.name: check for check in verify(result.path).checks}
    assert checks["parents"].passed is None
    assert "has changed since the merge" in checks["parents"].detail


@pytest.mark.parametrize("dtype", [None, "float16"])
def test_verify_compares_kept_tensors_with_their_folds(
    dtype: str | None, base: Path, donor: Path, vision: Path, tmp_path: Path
) -> None:
    from adamms.evaluation.verification import verify

    result = adamms.merge(plus(base, vision), donor, tmp_path / "out", alpha=0.3, dtype=dtype)
    checks = {check.name: check for check in verify(result.path).checks}
    assert checks["parents"].passed is True, checks["parents"].detail


def test_recipes_name_adapters_relative_to_themselves(
    base: Path, donor: Path, lora: Path, tmp_path: Path
) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("base: base+lora\ndonor: donor\nmerge: {alpha: 0.3}\n")
    assert read_recipe(recipe).base == f"{base}+{lora}"
    direct = adamms.merge(plus(base, lora), donor, tmp_path / "direct", alpha=0.3)
    told = run(read_recipe(recipe), tmp_path / "told")
    assert (told.path / "recipe.yaml").read_bytes() == (direct.path / "recipe.yaml").read_bytes()
    mergekit = tmp_path / "mergekit.yaml"
    mergekit.write_text(
        "merge_method: linear\nmodels:\n- {model: base+lora, parameters: {weight: 0.7}}\n"
        "- {model: donor, parameters: {weight: 0.3}}\n"
    )
    assert read_recipe(mergekit).base == f"{base}+{lora}"
    ours, theirs = tensors(told.path), tensors(run(read_recipe(mergekit), tmp_path / "mergekit").path)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_an_adapters_folder_is_not_written_over(base: Path, donor: Path, lora: Path) -> None:
    with pytest.raises(OutputError, match="is or holds"):
        adamms.merge(base, plus(donor, lora), lora, alpha=0.3)
    with pytest.raises(OutputError, match="is or holds"):
        adamms.merge(plus(base, lora), donor, base, alpha=0.3)
    assert (lora / "adapter_config.json").exists()


def test_a_folder_with_a_plus_sign_is_a_model(tmp_path: Path, lora: Path) -> None:
    base = write_qwen2_vl(tmp_path / "a+b" / "base+1")
    donor = write_llava_onevision(tmp_path / "donor")
    result = adamms.merge(base, plus(donor, lora), tmp_path / "out", alpha=0.3)
    about = json.loads((result.path / "adamms.json").read_text())
    assert about["base"]["source"] == str(base)
    assert "adapters" not in about["base"]
    assert "# base+1 merged with donor+lora" in (result.path / "README.md").read_text()


def test_a_damaged_adapter_leaves_nothing_behind(base: Path, donor: Path, tmp_path: Path) -> None:
    modules = low_rank({"model.layers.0.self_attn.q_proj": (16, 16)})
    next(iter(modules.values()))[0, 0] = float("nan")
    adapter = write_adapter(tmp_path / "lora", modules)
    before = sorted(tmp_path.iterdir())
    for pair in ((base, plus(donor, adapter)), (plus(base, adapter), donor)):
        with pytest.raises(CheckpointError, match="1 NaN or infinite values"):
            adamms.merge(*pair, tmp_path / "out", alpha=0.3)
    assert sorted(tmp_path.iterdir()) == before


def test_an_adapter_that_changes_during_the_merge_is_noticed(
    base: Path, donor: Path, lora: Path, tmp_path: Path
) -> None:
    class Meddling(adamms.progress.Silent):
        def stage(self, *arguments: object, **options: object) -> object:
            (lora / "adapter_model.safetensors").touch()
            return super().stage(*arguments, **options)  # type: ignore[arg-type]

    with pytest.raises(AdaMMSError, match="was changed while it was read"):
        adamms.merge(base, plus(donor, lora), tmp_path / "out", alpha=0.3, progress=Meddling())


# The command line


def adamms_(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "adamms", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **options)  # type: ignore[call-overload]


def test_map_and_inspect_read_headers_and_never_torch(base: Path, donor: Path, lora: Path) -> None:
    code = (
        "import sys; from adamms.cli import app\n"
        "try: app(sys.argv[1:])\n"
        "except SystemExit as done: assert not done.code, done.code\n"
        "assert not {'torch', 'transformers'} & set(sys.modules)"
    )

    def ask(*arguments: object) -> str:
        command = [sys.executable, "-c", code, *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    adapted = plus(donor, lora)
    plain, seen = (json.loads(ask("map", base, each, "--json", "--check")) for each in (donor, adapted))
    assert plain["tensors"] == seen["tensors"]
    assert plain["ancestor"] != seen["ancestor"], "the check reads folded weights"
    assert seen["donor"] == adapted
    inspected = json.loads(ask("inspect", adapted, "--json"))
    assert inspected["source"] == adapted
    assert inspected["language_model"] is not None


def test_one_sentence_and_exit_code_2(base: Path, donor: Path, tmp_path: Path) -> None:
    other = write_adapter(tmp_path / "lora", low_rank({"model.layers.0.self_attn.q_proj": (32, 16)}))
    done = adamms_("merge", base, plus(donor, other), "--alpha", "0.3", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "was trained for another model" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_hub_ids_with_revisions(base: Path, donor: Path, lora: Path, tmp_path: Path) -> None:
    with HubServer({"org/model": donor, "org/lora": lora}) as hub:
        environment = hub.environment(tmp_path / "home", HF_HUB_DISABLE_PROGRESS_BARS="1")
        named = f"org/model@main+org/lora@{hub.commit('org/lora')}"
        mapped = adamms_("map", base, named, "--json", env=environment)
        assert mapped.returncode == 0, mapped.stderr
        assert json.loads(mapped.stdout)["summary"]["merged"] == 27
        out = tmp_path / "out"
        done = adamms_("merge", base, named, "--alpha", "0.3", "--out", out, env=environment)
        assert done.returncode == 0, done.stderr
        about = json.loads((out / "adamms.json").read_text())["donor"]
        commits = {name: hub.commit(name) for name in ("org/model", "org/lora")}
        assert (about["source"], about["revision"]) == ("org/model", commits["org/model"])
        assert about["adapters"] == [
            {
                "source": "org/lora",
                "revision": commits["org/lora"],
                "fingerprint": f"commit:{commits['org/lora']}",
            }
        ]
        pinned = f"org/model@{commits['org/model']}+org/lora@{commits['org/lora']}"
        assert yaml.safe_load((out / "recipe.yaml").read_text())["donor"] == pinned
        card = (out / "README.md").read_text()
        assert yaml.safe_load(card.split("---\n")[1])["base_model"] == ["base", "org/model", "org/lora"]
        assert "with the adapter [org/lora](https://huggingface.co/org/lora) at revision" in card
        gone = adamms_("map", base, "org/model+org/none", env=environment)
        assert gone.returncode == 2
        assert "org/none" in gone.stderr
        mixed = adamms_("merge", base, plus(donor, "org/lora"), "--alpha", "0.3", "--out", tmp_path / "mixed",
                        env=environment)  # fmt: skip
        assert mixed.returncode == 0, mixed.stderr
    direct = adamms.merge(base, plus(donor, lora), tmp_path / "direct", alpha=0.3)
    for file in sorted(direct.path.glob("*.safetensors")):
        assert (
            file.read_bytes()
            == (out / file.name).read_bytes()
            == (tmp_path / "mixed" / file.name).read_bytes()
        )
