"""The model card of a merged model: README.md with the metadata that model hubs read.

Says where the model comes from, how the coefficient was chosen and how to load it, and claims nothing that
was not measured. Made from `adamms.json` and the merged config alone.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from adamms.checkpoints.json_files import read_json
from adamms.checkpoints.limits import CARD, CONFIG
from adamms.checkpoints.local_files import read_text
from adamms.checkpoints.plain_yaml import read_yaml
from adamms.checkpoints.sources import PLUS
from adamms.reports.wording import HUB_ID, model_id, short_name
from adamms.responses.candidates import value_in

METHODS = {"linear": ": `(1 - alpha) * base + alpha * donor`, in float32, rounded once"}


def write_model_card(folder: Path, description: Mapping[str, Any]) -> Path:
    """Write README.md into a merged model's folder.

    Args:
        folder: the merged model, its config.json in place.
        description: the contents of its `adamms.json`.

    Returns:
        The file written.
    """
    target = folder / "README.md"
    # A base's card may have come along as a link into a cache: replace the link, not what it points to.
    target.unlink(missing_ok=True)
    target.write_text(model_card(description, read_config(folder)), encoding="utf-8")
    return target


def read_config(folder: Path) -> dict[str, Any]:
    """A model's config.json; empty if there is none."""
    try:
        config = read_json(folder / "config.json", limit=CONFIG)
    except (OSError, ValueError):
        return {}
    return config if isinstance(config, dict) else {}


def model_card(description: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    """The text of the card: metadata, then a page for people."""
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
        "## How to load it",
        "",
        "```python",
        *loading_code(config, "path/or/id/of/this/model"),
        "```",
        "",
        "## What was not done",
        "",
        "No benchmark was measured on this model. A merge can be worse than either parent: evaluate it on "
        "your own task before using it. The licences of both parents apply.",
        "",
        f"Made by AdaMMS {description['version']}; `adamms.json` beside this file records sources, "
        "revisions, mapping totals and the selection.",
        "",
    ]
    return f"---\n{_metadata(description, config)}---\n\n" + "\n".join(lines)


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


def _metadata(description: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    data: dict[str, Any] = {}
    licence = _licence(str(description["base"]["source"]))
    if licence:
        data["license"] = licence
    data |= {
        "base_model": _base_models(description),
        "base_model_relation": "merge",
        "library_name": "transformers",
        "pipeline_tag": "image-text-to-text" if is_multimodal(config) else "text-generation",
        "tags": ["merge", "adamms"],
    }
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True)


def _base_models(description: Mapping[str, Any]) -> list[str]:
    """The parents as hubs know them, each with its adapters; a model that several adapters change, once."""
    parents = (description["base"], *_donors(description))
    sources = [str(part["source"]) for parent in parents for part in (parent, *parent.get("adapters", []))]
    return [model_id(source) for source in dict.fromkeys(sources)]


def _donors(description: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [description["donor"], *description.get("donors", [])]


def _licence(source: str) -> str | None:
    """The licence in the base's own card, where that card lies on this machine."""
    try:
        text = read_text(Path(source) / "README.md", limit=CARD)
    except (OSError, ValueError):
        return None
    match = re.match(r"---\n(.*?\n)---", text, flags=re.DOTALL)
    try:
        data = read_yaml(match.group(1)) if match else None
    except yaml.YAMLError:
        return None
    licence = data.get("license") if isinstance(data, dict) else None
    return licence if isinstance(licence, str) else None


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
