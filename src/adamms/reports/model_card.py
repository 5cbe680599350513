"""The model card of a merged model: README.md with the metadata that model hubs read.

Says where the model comes from, how the coefficient was chosen and how to load it, and claims nothing that
was not measured. Made from `adamms.json` and the merged config alone.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from adamms.checkpoints.json_files import read_json
from adamms.checkpoints.limits import CONFIG
from adamms.checkpoints.plain_yaml import read_yaml, write_yaml
from adamms.checkpoints.sources import PLUS
from adamms.reports.licences import Licences
from adamms.reports.private_paths import without_paths
from adamms.reports.wording import HUB_ID, model_id, short_name
from adamms.responses.candidates import value_in

if TYPE_CHECKING:
    from adamms.reports.measured import Measured

CURVE = "curve.png"
"""The candidates' scores, beside the card of a merge that a search chose."""
METHODS = {"linear": ": `(1 - alpha) * base + alpha * donor`, in float32, rounded once"}


def write_model_card(folder: Path, description: Mapping[str, Any], *, recipe: str | None = None) -> Path:
    """Write README.md into a merged model's folder.

    Args:
        folder: the merged model, its config.json in place.
        description: the contents of its `adamms.json`.
        recipe: the YAML that makes the merge again.

    Returns:
        The file written.
    """
    target = folder / "README.md"
    # A base's card may have come along as a link into a cache: replace the link, not what it points to.
    target.unlink(missing_ok=True)
    card = model_card(
        description, read_config(folder), recipe=recipe, curve=CURVE if (folder / CURVE).is_file() else None
    )
    target.write_text(card, encoding="utf-8")
    return target


def read_config(folder: Path) -> dict[str, Any]:
    """A model's config.json; empty if there is none."""
    try:
        config = read_json(folder / "config.json", limit=CONFIG)
    except (OSError, ValueError):
        return {}
    return config if isinstance(config, dict) else {}


def model_card(
    description: Mapping[str, Any],
    config: Mapping[str, Any],
    *,
    recipe: str | None = None,
    curve: str | None = None,
    measured: "Sequence[Measured]" = (),
    name: str = "path/or/id/of/this/model",
) -> str:
    """The text of the card: metadata, then a page for people.

    Args:
        description: the contents of `adamms.json`.
        config: the merged model's.
        recipe: the YAML that makes the merge again; paths in it become names.
        curve: the file beside the card that shows the candidates' scores.
        measured: what evaluations of this model gave.
        name: by which it is loaded.
    """
    base, donor = (_cell(_short_name(description[role])) for role in ("base", "donor"))
    mapping = description["mapping"]
    lines = [
        f"# {base} merged with {donor}",
        "",
        "This model was merged with [AdaMMS](https://arxiv.org/abs/2503.23733), which merges multimodal "
        "language models that need not share an architecture.",
        "",
        "| | |",
        "|---|---|",
        f"| base (architecture, tokenizer and vision encoder kept) | {_parent(description['base'])} |",
        *(f"| donor | {_parent(donor)} |" for donor in _donors(description)),
        *(
            [f"| pretrained (common ancestor) | {_parent(description['pretrained'])} |"]
            if "pretrained" in description
            else []
        ),
        f"| method | {description['method']}{METHODS.get(description['method'], '')} |",
        f"| alpha (the donor's weight) | {description.get('alpha', 'none')} |",
        f"| tensors | {mapping['merged']:,} merged, {mapping['partly']:,} in part, {mapping['kept']:,} kept "
        f"from the base; {mapping['parameters_merged']:,} parameters merged |",
        *_coverage(description),
        "",
        f"## How {(description.get('selection') or {}).get('setting', 'alpha')} was chosen",
        "",
        *_selection(description.get("selection")),
        "",
        *([f"![The candidates' scores]({curve})", ""] if curve else []),
        "## How to load it",
        "",
        "```python",
        *loading_code(config, name),
        "```",
        "",
        *_recipe(recipe, description),
        *_measured(measured),
        "A merge can be worse than either parent: evaluate it on your own task before using it. "
        f"{_cell(licences(description).sentence)}",
        "",
        f"Made by AdaMMS {description['version']}; `adamms.json` beside this file records sources, "
        "revisions, mapping totals and the selection.",
        "",
    ]
    title = f"{_short_name(description['base'])} merged with {_short_name(description['donor'])}"
    return f"---\n{_metadata(description, config, title, measured)}---\n\n" + "\n".join(lines)


def licences(description: Mapping[str, Any]) -> Licences:
    """What the parents' licences say together."""
    parents = (description["base"], *_donors(description))
    return Licences({_short_name(parent): parent.get("license") for parent in parents})


def sources_of(description: Mapping[str, Any]) -> list[str]:
    """All that a merge was made from, as its maker wrote it."""
    parents = [description["base"], *_donors(description)]
    parents += [description["pretrained"]] if "pretrained" in description else []
    return [str(part["source"]) for parent in parents for part in (parent, *parent.get("adapters", []))]


def _recipe(recipe: str | None, description: Mapping[str, Any]) -> list[str]:
    if recipe is None:
        return []
    document = without_paths(read_yaml(recipe), sources_of(description))
    text = write_yaml(_said(document)).rstrip()
    return [
        "## Recipe",
        "",
        "`adamms run recipe.yaml --out merged` makes it again, with the parents where the recipe names them:",
        "",
        "```yaml",
        *(_visible(line).replace("`", chr(39)) for line in text.splitlines()),
        "```",
        "",
    ]


def _said(document: Any) -> Any:
    """A recipe without what it leaves open."""
    if not isinstance(document, dict):
        return document
    parts = {key: _said(value) for key, value in document.items()}
    return {
        key: value for key, value in parts.items() if value not in (None, [], {}, "") and value is not False
    }


def _measured(measured: "Sequence[Measured]") -> list[str]:
    if not measured:
        return ["## What was not done", "", "No benchmark was measured on this model.", ""]
    # Late: a merge is written before anything was measured.
    from adamms.reports.measured import measured_table

    rows = [f"| {' | '.join(map(_cell, row))} |" for row in measured_table(measured)]
    head = ["| data | metric | score | answers |", "|---|---|---|---|"]
    return [
        "## What was measured",
        "",
        *head,
        *rows,
        "",
        "Scores with their standard errors, by `adamms eval`.",
    ]


def _coverage(description: Mapping[str, Any]) -> list[str]:
    """How much of the base's language model takes part, and what the mapping warned of."""
    mapping = description["mapping"]
    size = mapping.get("language_parameters")
    if not size:
        return []
    notes = [str(note) for note in mapping.get("notes") or []]
    # Folders are nobody's business but the maker's.
    for parent in (description["base"], *_donors(description)):
        notes = [note.replace(str(parent["source"]), _short_name(parent)) for note in notes]
    return [
        f"| language model | {mapping['parameters_merged'] / size:.1%} of the base's {size:,} parameters |",
        *(["", *(f"- {_cell(note)}" for note in notes)] if notes else []),
    ]


def _is_llava(config: Mapping[str, Any]) -> bool:
    from adamms.mapping.architectures.llava_original import stored

    return stored(config) is not None


def loading_code(config: Mapping[str, Any], path: str) -> list[str]:
    """The Python lines that load a model and what prepares its inputs."""
    # Late, as what tells of a choice is below: the card of a plain merge needs little.
    from adamms.answering.native import in_llava_layout, is_native

    if is_native(config):
        return [
            "from adamms.models import native_config, native_processor",
            "from transformers import AutoModelForImageTextToText",
            "",
            f'path = "{path}"',
            "config = native_config(path)",
            'model = AutoModelForImageTextToText.from_pretrained(path, config=config, dtype="auto")',
            "processor = native_processor(path)",
        ]
    if in_llava_layout(config) and _is_llava(config):
        return [
            "# In the layout of the LLaVA code base: load it with the code that the base came with.",
            "# AdaMMS itself runs it in transformers' classes; `adamms verify` asks it a question.",
        ]
    own_code = ", trust_remote_code=True" if "auto_map" in config else ""
    if is_multimodal(config):
        model, inputs = "AutoModelForImageTextToText", "AutoProcessor"
        if "auto_map" in config:
            model = "AutoModelForCausalLM" if "AutoModelForCausalLM" in config["auto_map"] else "AutoModel"
    else:
        model, inputs = "AutoModelForCausalLM", "AutoTokenizer"
    variable = "processor" if inputs == "AutoProcessor" else "tokenizer"
    return [
        f"from transformers import {', '.join(sorted([model, inputs]))}",
        "",
        f'model = {model}.from_pretrained("{path}", dtype="auto"{own_code})',
        f'{variable} = {inputs}.from_pretrained("{path}"{own_code})',
    ]


def is_multimodal(config: Mapping[str, Any]) -> bool:
    """Whether a config describes a model that sees: it has a vision part under one of the usual names."""
    return any(
        "vision" in key or key.startswith("visual") or key in ("image_token_id", "mm_vision_tower")
        for key in config
    )


def _metadata(
    description: Mapping[str, Any], config: Mapping[str, Any], title: str, measured: "Sequence[Measured]"
) -> str:
    data: dict[str, Any] = dict(licences(description).metadata)
    data |= {
        "base_model": _base_models(description),
        "base_model_relation": "merge",
        "library_name": "transformers",
        "pipeline_tag": "image-text-to-text" if is_multimodal(config) else "text-generation",
        "tags": ["merge", "adamms"],
    }
    if measured:
        # Late, as above.
        from adamms.reports.measured import model_index

        data["model-index"] = model_index(title, measured, task=data["pipeline_tag"])
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True)


def _base_models(description: Mapping[str, Any]) -> list[str]:
    """The parents as hubs know them, each with its adapters; a model that several adapters change, once."""
    parents = (description["base"], *_donors(description))
    sources = [str(part["source"]) for parent in parents for part in (parent, *parent.get("adapters", []))]
    return [model_id(source) for source in dict.fromkeys(sources)]


def _donors(description: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [description["donor"], *description.get("donors", [])]


def _parent(parent: Mapping[str, Any]) -> str:
    named = " with the adapter ".join(_named(part) for part in (parent, *parent.get("adapters", [])))
    scheme = parent.get("dequantized")
    return f"{named}, de-quantised from {scheme}" if scheme else named


def _short_name(parent: Mapping[str, Any]) -> str:
    parts = (parent, *parent.get("adapters", []))
    return PLUS.join(short_name(str(part["source"])) for part in parts)


def _named(parent: Mapping[str, Any]) -> str:
    source = str(parent["source"])
    name = short_name(source)
    if Path(source).is_absolute() and name == Path(source).name:
        where = "a folder on the machine where it was merged"
        return f"{_code(name)} ({where}; fingerprint {_code(str(parent.get('fingerprint')))})"
    revision = f" at revision {_code(str(parent['revision']))}" if parent.get("revision") else ""
    if HUB_ID.fullmatch(name) is None:
        return _code(name) + revision
    return f"[{name}](https://huggingface.co/{name}){revision}"


def _selection(selection: Mapping[str, Any] | None) -> list[str]:
    if selection is None:
        return ["By hand."]
    from adamms.searching.choice import DEFAULT
    from adamms.searching.consistency import RULES
    from adamms.searching.signals import SUPERVISED

    gated = ", gated" if selection.get("gated") else ""
    setting = selection.get("setting", "alpha")
    by = f"rule `{selection['rule']}`{gated}, metric `{selection['metric']}`"
    asked = f"each candidate answered the same {selection['samples']} questions, and"
    if selection["rule"] in RULES:
        how = (
            f"Without labels, by generation consistency ({by}): {asked} the one whose answers differ least "
            f"from its neighbours' was taken. {_cell(selection['verdict'])}"
        )
    elif selection["rule"] == SUPERVISED:
        how = (
            f"By the true answers ({by}): {asked} the one that scores best was taken. "
            f"{_cell(selection['verdict'])}"
        )
    elif selection["rule"] == DEFAULT:
        how = (
            f"Without labels, by the parents' own answers ({by}): question by question the surer parent is "
            f"believed. {_cell(selection['verdict'])}"
        )
    else:
        how = (
            f"Without labels, by what the answers show of themselves ({by}): {asked} the one that scores "
            f"best was taken. {_cell(selection['verdict'])}"
        )
    how = " ".join([how, *map(_cell, selection.get("notes") or [])])
    reading = selection.get("reading")
    columns = ("score",) if reading else ("differences", "to previous", "to next")
    lines = [how, "", f"| {setting} | {' | '.join(columns)} | |", "|---" * (len(columns) + 2) + "|"]
    read = _scores_by_reading(selection) if reading else {}
    for candidate in selection["candidates"]:
        value = value_in(candidate)
        numbers = (
            [read.get(value)] if reading else [candidate[key] for key in ("differences", "previous", "next")]
        )
        counts = " | ".join("" if number is None else f"{number:g}" for number in numbers)
        status = candidate["disqualified"] or ("" if not reading or value in read else "not read")
        status = "chosen" if value == selection["selected"] else status
        lines.append(f"| {value:g} | {counts} | {_cell(status)} |")
    return lines


def _scores_by_reading(selection: Mapping[str, Any]) -> dict[float, float]:
    """Candidate -> how probable it finds the parents' answers; those that were not read have none."""
    own = next(signal for signal in selection["signals"] if signal["name"] == selection["rule"])
    return {value_in(entry): entry["score"] for entry in own["scores"] if entry["score"] is not None}


def _cell(text: str) -> str:
    """A text that cannot break out of a Markdown table's cell or heading, and holds no HTML."""
    return re.sub(r"([\\|`*_<>\[\]&])", r"\\\1", " ".join(_visible(text).split()))


def _code(text: str) -> str:
    """A name in a Markdown table as code, which it cannot end."""
    return f"`{' '.join(_visible(text).split()).replace('`', chr(39)).replace('|', '/')}`"


def _visible(text: str) -> str:
    """Without characters that nobody sees: controls, and what turns the direction of writing."""
    return "".join(letter if letter.isprintable() or letter.isspace() else "\ufffd" for letter in text)
