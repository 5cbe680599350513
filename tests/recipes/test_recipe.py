from pathlib import Path

import pytest

from adamms.errors import RecipeError
from adamms.recipes.options import parse_size
from adamms.recipes.recipe import make_recipe, read_recipe


def write(folder: Path, text: str) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(text)
    return path


def test_a_resolved_recipe_reads_back_as_itself(tmp_path: Path) -> None:
    recipe = make_recipe(base="a/b", donor="c/d", search={"inputs": "/q.jsonl", "alphas": "0:1:0.5"})
    assert read_recipe(write(tmp_path, recipe.to_yaml())) == recipe


def test_relative_paths_are_relative_to_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    recipe = read_recipe(write(tmp_path, "base: mine\ndonor: some/hub-id\nsearch: {inputs: q.jsonl}\n"))
    assert recipe.base == str(tmp_path / "mine")
    assert recipe.donor == "some/hub-id"
    assert recipe.search is not None
    assert recipe.search.inputs == str(tmp_path / "q.jsonl")


def test_all_problems_are_reported_with_their_lines(tmp_path: Path) -> None:
    text = "base: a/b\nmerge:\n  alpha: 1.5\n  methodd: linear\nsearch:\n  inputs: q\n  rule: best\n"
    with pytest.raises(RecipeError) as caught:
        read_recipe(write(tmp_path, text))
    message = str(caught.value)
    assert "line 3: merge.alpha" in message
    assert "line 4: merge.methodd: unknown key" in message
    assert "line 7: search.rule" in message
    assert "donor" in message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("base: [", "line 1: not valid YAML"),
        ("- a\n- b\n", "is not a recipe"),
        ("base: a\ndonor: b\n", "merge.alpha"),
        ("base: a\ndonor: b\nmerge: {alpha: 0.2}\nsearch: {inputs: q}\n", "leave one of the two out"),
        ("base: a\ndonor: b\nmerge: {alpha: 0.2, max_shard_size: big}\n", "not a size"),
        ("base: &a [*a]\ndonor: b\n", "holds its own alias"),
        ("base: a\ndonor: b\nmerge: {alpha: &a {mlp: *a}}\n", "line 3: .*holds its own alias"),
        ("base: a\ndonor: b\nmerge: {alpha: 0.1, threads: 1%s}\n" % ("0" * 5000), "not valid YAML"),
        ("base: a\ndonor: b\nmerge: {alpha: 0.1, threads: 9223372036854775807}\n", "threads.*1024"),
        ("base: a\ndonor: b\nsearch: {inputs: q, setting: nope, values: '0:1:0.5'}\n", "no number 'nope'"),
        ("base: a\ndonor: b\nmerge: {alpha: 0.1}\nmerge: {alpha: 0.2}\n", "line 4: .*'merge' stands twice"),
        ("base: !!python/object/apply:os.system ['true']\n", "not valid YAML"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        read_recipe(write(tmp_path, text))


def test_a_number_with_an_exponent_needs_no_point(tmp_path: Path) -> None:
    text = "base: a\ndonor: b\nmerge: {alpha: 1e-1, settings: {base_weight: 5E+0}}\n"
    merge = read_recipe(write(tmp_path, text)).merge
    assert (merge.alpha, merge.settings) == (0.1, {"base_weight": 5.0})


def test_what_is_given_is_repeated_only_where_it_is_short() -> None:
    with pytest.raises(RecipeError, match=r"--task\)\.$"):
        make_recipe(base="a", donor="b", search={"samples": 3})


def test_a_missing_or_binary_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="cannot be read"):
        read_recipe(tmp_path / "none.yaml")
    path = tmp_path / "binary.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RecipeError, match="not a text file"):
        read_recipe(path)


@pytest.mark.parametrize(
    ("text", "size"), [("5GB", 5 * 10**9), ("2GiB", 2**31), ("10", 10), (" 1.5 MB ", 1_500_000)]
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "GB", "5 apples", "infGB", "-"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="not a size"):
        parse_size(text)


def test_exclusions_and_force_are_part_of_a_recipe(tmp_path: Path) -> None:
    text = (
        "base: a/b\ndonor: c/d\nforce: true\nmapping: {exclude: [norms, 'layers=0-3']}\nmerge: {alpha: 0.2}\n"
    )
    recipe = read_recipe(write(tmp_path, text))
    assert (recipe.force, recipe.mapping.exclude) == (True, ("norms", "layers=0-3"))
    assert read_recipe(write(tmp_path, recipe.to_yaml())) == recipe


def test_a_recipe_takes_any_signal_by_name(tmp_path: Path) -> None:
    path = tmp_path / "recipe.yaml"
    lines = ["base: b", "donor: d", "search:", "  inputs: q.jsonl", "  gated: true", "  repeats: 5"]

    path.write_text("\n".join([*lines, "  rule: paper"]))
    assert read_recipe(path).search.rule == "sum"
    path.write_text("\n".join([*lines, "  rule: best"]))
    with pytest.raises(
        RecipeError, match=r"line 7: search.rule: There is no rule 'best'; there is: witnesses"
    ):
        read_recipe(path)
