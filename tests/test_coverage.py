"""A sample of `make coverage`: real classes of transformers, saved, merged, and compared bit for bit."""

from pathlib import Path

import pytest

from benchmarks.coverage.__main__ import PAGE
from benchmarks.coverage.measured import Pair, layout, measure
from benchmarks.coverage.page import models_page

TYPES = ("glm4v", "mllama", "qwen3_5")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("model_type", TYPES)
def test_a_class_merges_with_itself_and_with_its_text_only_sibling(tmp_path: Path, model_type: str) -> None:
    row = measure(model_type, tmp_path)
    assert row.sibling is not None
    for pair in (row.itself, row.from_sibling, row.to_sibling):
        assert pair is not None
        assert pair.complete
        assert pair.share == 1
        assert pair.loads
    assert row.itself.said == "100% of the base's language model takes part"
    tensors = layout(tmp_path)["base"]["tensors"]
    assert any(moves for *_, moves in tensors.values())
    assert not all(moves for *_, moves in tensors.values())


def row(model_type: str, itself: Pair, sibling: Pair | None) -> dict[str, object]:
    pair = sibling and vars(sibling)
    return {
        "model_type": model_type,
        "itself": vars(itself),
        "sibling": "LlamaForCausalLM" if sibling else None,
        "from_sibling": pair,
        "to_sibling": pair,
    }


def test_the_page_counts_and_says_why() -> None:
    good = Pair("100% of the base's language model takes part", refused=False, share=1.0)
    partial = Pair("50% of it", refused=False, share=0.5, left=("a",))
    wrong = Pair("100% of it", refused=False, share=0.9, wrong=("a", "b"))
    refusal = Pair("They differ in depth:\n  base 3", refused=True)
    rows = [
        row("one", good, good),
        row("two", good, refusal),
        row("three", partial, None),
        row("four", wrong, None),
    ]
    page = models_page(rows, version="5.23")
    assert "**2 of 4**" in page
    assert "| merged in part, or wrong | 2 |" in page
    assert "**1 of 2**" in page
    assert "| `one` | complete | complete | complete | class |" in page
    assert "| `two` | complete | refused | refused | class |" in page
    assert "- `two`: They differ in depth: base 3" in page
    assert "| `three` | 50.0% |  |  | class |" in page
    assert "| `four` | wrong: 2 tensors |  |  | class |" in page


def test_the_page_is_there_and_counts_every_type() -> None:
    page = PAGE.read_text()
    assert "merged in part, or wrong | 0 |" in page
    assert page.count("| class") >= 114
