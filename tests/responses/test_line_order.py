"""Lines of answers in the order of candidates and inputs."""

from pathlib import Path

from adamms.responses.line_order import sort_lines


def test_lines_follow_candidates_and_inputs(tmp_path: Path) -> None:
    file, kept = tmp_path / "opinions.jsonl", tmp_path / "donor.jsonl"
    lines = [f'{{"id": "{id_}", "alpha": {alpha}}}\n' for alpha in (0.6, 0.1) for id_ in "zba"]
    file.write_text("".join(lines))
    kept.write_text('{"id": "b"}\n{"id": "a"}\n')
    before = kept.stat().st_mtime_ns
    sort_lines(tmp_path, ["b", "a"])
    assert file.read_text() == "".join(lines[place] for place in (4, 5, 3, 1, 2, 0))
    assert kept.stat().st_mtime_ns == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["donor.jsonl", "opinions.jsonl"]
