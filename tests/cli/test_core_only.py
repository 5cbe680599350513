"""What the core does by itself: all but asking a live model, without torch and transformers."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import adamms
from adamms.zoo import shipped_pair

PAIR = shipped_pair()
MODELS = (PAIR.base, PAIR.donor)
# All but `linear`, which has a test of its own.
METHODS = {
    "task_arithmetic": (),
    "ties": (),
    "dare_linear": (),
    "dare_ties": (),
    "metagpt": (),
    "slerp": ("--alpha", 0.3),
    "karcher": ("--alpha", 0.3),
    "breadcrumbs": (),
    "breadcrumbs_ties": (),
    "nan": (),
    "nuslerp": ("--alpha", 0.3),
    "della": (),
    "della_linear": (),
    "sce": (),
    "model_stock": (),
    "nearswap": (),
}


def core(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(Path(__file__).parents[1] / "core_only.py"), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def done(*arguments: object) -> str:
    result = core(*arguments)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished search; it has what the core only reads."""
    out = tmp_path_factory.mktemp("run") / "out"
    adamms.search(*MODELS, PAIR.inputs, out, alphas="0,0.3,0.6", samples=4, max_new_tokens=4, exhaustive=True)
    return out


def test_inspect_and_map() -> None:
    assert json.loads(done("inspect", PAIR.base, "--json"))["model_type"] == "qwen2_vl"
    mapped = json.loads(done("map", *MODELS, "--check", "--pretrained", PAIR.pretrained, "--json"))
    assert mapped["ancestor"]["verdict"] == "related"
    assert "tensors merged" in done("map", *MODELS)


def test_merging_gives_the_same_bits(tmp_path: Path) -> None:
    done("merge", *MODELS, "--alpha", 0.3, "--out", tmp_path / "core")
    merged = adamms.merge(*MODELS, tmp_path / "full", alpha=0.3)
    assert (tmp_path / "core/model.safetensors").read_bytes() == (
        merged.path / "model.safetensors"
    ).read_bytes()


@pytest.mark.parametrize("method", METHODS)
def test_other_methods_merge(method: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done(
        "merge", *MODELS, "--method", method, *METHODS[method], "--pretrained", PAIR.pretrained, "--out", out
    )
    assert json.loads((out / "adamms.json").read_text())["method"] == method


def test_methods_are_listed() -> None:
    listed = [method["name"] for method in json.loads(done("methods", "--json"))]
    assert sorted(listed) == sorted([*METHODS, "linear"])


def test_select_report_compare_and_table(searched: Path, tmp_path: Path) -> None:
    chosen = json.loads(done("select", searched / "responses", "--json"))
    assert chosen["selected"] == json.loads((searched / "selection.json").read_text())["selected"]
    page = (searched / "report.html").read_bytes()
    (searched / "report.html").unlink()
    done("report", searched)
    assert (searched / "report.html").read_bytes() == page
    done("compare", searched, searched, "--out", tmp_path / "compare.html")
    scores = tmp_path / "scores.json"
    scores.write_text(
        json.dumps({"base": "a", "donor": "b", "tasks": ["t"], "rows": {"a": [1], "b": [2], "c": [3]}})
    )
    assert "c" in done("table", scores)


@pytest.mark.parametrize(
    "verb",
    [
        ("search", *MODELS, "--inputs", PAIR.inputs, "--out"),
        ("demo", "--out"),
        ("eval", PAIR.base, "--inputs", PAIR.inputs, "--answers", PAIR.answers, "--out"),
    ],
    ids=lambda verb: verb[0],
)
def test_what_asks_a_model_says_what_to_install(verb: tuple[object, ...], tmp_path: Path) -> None:
    result = core(*verb, tmp_path / "out")
    assert result.returncode == 2
    assert "pip install 'adamms[search]'" in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir()), "nothing is left"


def test_verify_says_what_to_install(tmp_path: Path) -> None:
    done("merge", *MODELS, "--alpha", 0.3, "--out", tmp_path / "core")
    result = core("verify", tmp_path / "core")
    assert result.returncode == 2
    assert "pip install 'adamms[search]'" in result.stderr


def test_the_app_says_what_it_needs() -> None:
    result = core("ui")
    assert result.returncode == 2
    assert "This needs gradio" in result.stderr
    assert "pip install 'adamms[ui]'" in result.stderr
