"""mergekit's YAML as people write it: read with mergekit's meaning, or refused with a sentence."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from adamms.errors import RecipeError
from adamms.recipes.recipe import Recipe, read_recipe
from adamms.runs.loading import method_of

GRADIENT = {"*.norm.weight": 0.0, "embeddings": 0.0, "default": [0.0, 0.3, 0.7, 1.0]}


def read(folder: Path, text: str) -> Recipe:
    path = folder / "config.yml"
    path.write_text(text)
    return read_recipe(path)


def document(method: str, *own: dict[str, Any], base: str | None = "g/h", **parameters: Any) -> str:
    """A document of models a/b, c/d ... with parameters of their own."""
    names = ("a/b", "c/d", "e/f")
    models = [{"model": name, "parameters": each} for name, each in zip(names, own, strict=False)]
    data: dict[str, Any] = {"merge_method": method, "models": models, "parameters": parameters}
    return yaml.safe_dump({**data, **({"base_model": base} if base else {})})


TIES_EXAMPLE = """
models:
  - model: psmathur/orca_mini_v3_13b
    parameters:
      density: [1, 0.7, 0.1] # density gradient
      weight: 1.0
  - model: garage-bAInd/Platypus2-13B
    parameters:
      density: 0.5
      weight: [0, 0.3, 0.7, 1] # weight gradient
  - model: WizardLM/WizardMath-13B-V1.0
    parameters:
      density: 0.33
      weight:
        - filter: mlp
          value: 0.5
        - value: 0
merge_method: ties
base_model: TheBloke/Llama-2-13B-fp16
parameters:
  normalize: true
  int8_mask: true
dtype: float16
"""


def test_gradients_filters_and_densities_of_each_model(tmp_path: Path) -> None:
    recipe = read(tmp_path, TIES_EXAMPLE)
    assert (recipe.base, recipe.donor) == ("psmathur/orca_mini_v3_13b", "garage-bAInd/Platypus2-13B")
    assert recipe.pretrained == "TheBloke/Llama-2-13B-fp16"
    settings = method_of(recipe).settings
    assert settings["alpha"] == (GRADIENT, {"*mlp*": 0.5, "default": 0.0})
    # Gradients count as at the first layer for embeddings, final norm and head.
    assert settings["density"] == {
        "*.norm.weight": 1.0,
        "embeddings": 1.0,
        "default": [1.0, 0.7, 0.1],
    }
    assert (settings["donor.density"], settings["donor2.density"]) == (0.5, 0.33)
    assert (settings["trim"], settings["consensus"]) == ("tensor", "mean")
    assert recipe.merge.dtype == "float16"


def test_the_ancestor_may_be_listed_among_the_models(tmp_path: Path) -> None:
    text = """
models:
  - model: mistralai/Mistral-7B-v0.1
    # No parameters necessary for base model
  - model: samir-fama/SamirGPT-v1
    parameters: {density: 0.53, weight: 0.4}
  - model: abacusai/Slerp-CM-mist-dpo
    parameters: {density: 0.53, weight: 0.3}
  - model: EmbeddedLLM/Mistral-7B-Merge-14-v0.2
    parameters: {density: 0.53, weight: 0.3}
merge_method: dare_ties
base_model: mistralai/Mistral-7B-v0.1
parameters: {int8_mask: true}
dtype: bfloat16
"""
    recipe = read(tmp_path, text)
    assert (recipe.base, len(recipe.donors)) == ("samir-fama/SamirGPT-v1", 1)
    settings = method_of(recipe).settings
    assert (settings["base_weight"], settings["alpha"]) == (0.4, (0.3, 0.3))
    assert settings["drop"] == pytest.approx(0.47)
    assert (settings["rescale"], settings["consensus"]) == ("l1", "sum")
    assert any("L1 norm" in note for note in recipe.notes)


def test_slerp_starts_from_base_model_and_says_what_is_kept(tmp_path: Path) -> None:
    text = """
models: [{model: a/b}, {model: c/d}]
merge_method: slerp
base_model: c/d
parameters:
  t:
    - filter: self_attn
      value: [0, 0.5, 0.3, 0.7, 1]
    - value: 0.5
dtype: float32
out_dtype: bfloat16
chat_template: chatml
tokenizer: {source: base}
"""
    recipe = read(tmp_path, text)
    assert (recipe.base, recipe.donor, recipe.pretrained) == ("c/d", "a/b", None)
    assert recipe.merge.alpha == {"*self_attn*": [0.0, 0.5, 0.3, 0.7, 1.0], "default": 0.5}
    # The dtype that is stored, not mergekit's own of the arithmetic.
    assert recipe.merge.dtype == "bfloat16"
    assert any("chat template of c/d is kept" in note for note in recipe.notes)


def test_filters_that_end_fall_back_to_the_documents_value(tmp_path: Path) -> None:
    own = {"weight": [{"filter": "o_proj", "value": 1}]}
    text = document(
        "task_arithmetic", own, {"weight": 0.5}, weight=[{"filter": "mlp", "value": 0.2}, {"value": 0.1}]
    )
    settings = method_of(read(tmp_path, text)).settings
    assert settings["base_weight"] == {"*o_proj*": 1.0, "*mlp*": 0.2, "default": 0.1}
    with pytest.raises(RecipeError, match=r"weight of a/b is missing where none of its filters fits"):
        read(tmp_path, document("task_arithmetic", own, {"weight": 0.5}))


def test_weights_above_1_are_a_larger_lambda(tmp_path: Path) -> None:
    text = document("task_arithmetic", {"weight": 1.0}, {"weight": [0, 2.0]}, **{"lambda": [0.5, 1]})
    settings = method_of(read(tmp_path, text)).settings
    assert settings["base_weight"] == 0.5
    assert settings["alpha"] == {"*.norm.weight": 0.0, "embeddings": 0.0, "default": [0.0, 1.0]}
    assert settings["lambda"] == {"*.norm.weight": 1.0, "embeddings": 1.0, "default": [1.0, 2.0]}


def test_adapters_and_revisions_are_one_word(tmp_path: Path) -> None:
    model = {"model": {"path": "c/d", "revision": "main"}, "lora": {"path": "y/lora"}}
    data = {
        "merge_method": "linear",
        "models": [
            {"model": "a/b+x/lora", "parameters": {"weight": 0.5}},
            {"model": model, "parameters": {"weight": 0.5}},
        ],
    }
    recipe = read(tmp_path, yaml.safe_dump(data))
    assert (recipe.base, recipe.donor) == ("a/b+x/lora", "c/d@main+y/lora")


def test_what_mergekit_passes_over_is_said(tmp_path: Path) -> None:
    recipe = read(tmp_path, document("model_stock", {}, {}, {}, normalize=False, int8_mask=True))
    assert "normalize is no parameter of mergekit's model_stock and changes nothing." in recipe.notes


WEIGHTED = ({"weight": 0.5}, {"weight": 0.5})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "merge_method: slerp\nslices: [{sources: []}]\n",
            "slices are not supported.*list them under models",
        ),
        ("merge_method: ties\nmodules: {}\n", "modules are not supported"),
        ("merge_method: passthrough\nslices: []\n", "method passthrough has no counterpart"),
        ("merge_method: arcee_fusion\nmodels: []\n", "method arcee_fusion has no counterpart"),
        ("merge_method: linear\n", "models must be a list"),
        (document("ties", *WEIGHTED, base=None), "needs base_model, the common ancestor"),
        (document("slerp", {}, {}, base=None, t=0.5), "needs base_model, the model that it starts from"),
        (document("slerp", {}, {}, base="a/b"), "t of the document is missing"),
        (document("ties", {}, {}), "weight of a/b is missing"),
        (document("ties", {"weight": "heavy"}, {"weight": 1}), "weight must be a number.*not 'heavy'"),
        (document("ties", {"weight": 1}, {"weight": -0.5}), "weight of -0.5 has no counterpart"),
        (document("ties", {"weight": 1, "densitty": 1}, {"weight": 1}), "parameter densitty"),
        (document("ties", *WEIGHTED, normalize=1), "normalize must be true or false"),
        (document("linear", {"weight": 1.5}, {"weight": 1.2}, base=None, normalize=False), "not normalized"),
        (document("nuslerp", *WEIGHTED, nuslerp_flatten=False, nuslerp_row_wise=True), "nuslerp_row_wise"),
        (document("slerp", {}, {}, {}, base="a/b", t=0.5), "takes one donor, not 2"),
        (document("linear", *WEIGHTED, base=None) + "tokenizer_source: union\n", "tokenizer_source union"),
        (document("linear", *WEIGHTED, base=None) + "dtype: int8\n", "dtype 'int8' is not one of"),
        (document("linear", *WEIGHTED, base=None) + "layers: 3\n", "mergekit's layers has no counterpart"),
        (document("linear", *WEIGHTED, base=None) + "tokenizer: union\n", "tokenizer must be a table"),
        (
            "merge_method: linear\nmodels: [{model: a/b}, {model: c/d}]\nparameters: [1]\n",
            "parameters of the document must be a table",
        ),
        (document("karcher", {}, {}, base=None, max_iter=10.5), "max_iter must be a whole number, not 10.5"),
        (document("karcher", {}, {}, base=None, max_iter=float("inf")), "max_iter must be a whole number"),
        (
            document("slerp", {}, {}, base="a/b", t=[{"filter": ["mlp"], "value": 0.5}, {"value": 1}]),
            "A filter of t must be a part of tensors' names",
        ),
        ("name: one\nmerge_method: linear\n---\nname: two\nmerge_method: linear\n", "several documents"),
    ],
)
def test_what_has_no_counterpart_is_refused_with_a_sentence(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(RecipeError, match=said) as caught:
        read(tmp_path, text)
    assert "\n" not in str(caught.value)
