"""A sample's answers are kept by name and compared, pairwise, with the published ones."""

from pathlib import Path

import numpy as np
import pytest

from proving_ground.real_pair.asking import Archive
from proving_ground.real_pair.published import Published
from proving_ground.real_pair.sample_results import FILE, keep_sample, mean_over_tasks, sample_results
from proving_ground.real_pair.sampling import sampled

DATA = Path("docs/data/real-pair")
PAIR = "llava-1--internvl-2"


def test_the_mean_of_tasks_has_the_error_of_its_parts() -> None:
    values, tasks = np.array([1.0, 0.0, 1.0, 1.0, 1.0]), np.array(["a", "a", "b", "b", "b"])
    # task a: mean 1/2, variance 1/2 of two; task b: mean 1, no variance
    assert mean_over_tasks(values, tasks) == pytest.approx((0.75, (0.5 / 2) ** 0.5 / 2))


def test_what_a_sample_said_is_scored_beside_the_published(tmp_path: Path) -> None:
    published = Published(DATA)
    lines = sampled(published.questions, 3)
    wanted = {line["id"] for line in lines}
    places = [number for number, line in enumerate(published.questions) if line["id"] in wanted]
    half = [published.said(PAIR)[5][place] for place in places]
    archive = Archive(tmp_path / "answers")
    archive.keep(PAIR, "linear-0.50", {"said": half})
    archive.keep(PAIR, "metagpt", {"said": [published.alone("llava-1")[place] for place in places]})
    archive.keep("models", "llava-1", {"said": half})
    for name in ("questions.jsonl.bz2", f"{PAIR}.jsonl.bz2"):
        (tmp_path / name).symlink_to((DATA / name).absolute())
    names = keep_sample(archive, lines, tmp_path / FILE)
    assert names == [f"{PAIR}/linear-0.50", f"{PAIR}/metagpt"]
    results = sample_results(Published(tmp_path))
    assert results is not None
    assert (results["questions"], results["a_task"]) == (24, 3)
    assert results["rows"][f"{PAIR}/linear-0.50"]["same_as_published"] == 100
    assert results["rows"][f"{PAIR}/metagpt"]["over_base"] == [0, 0]


def test_without_a_sample_there_is_none() -> None:
    assert sample_results(Published(DATA / "nowhere")) is None
