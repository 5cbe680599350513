"""Tokenizers, templates, processors and settings that a live model reads, met by a small search."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from hostile.kinds import OUT, Kind, Make
from hostile.materials import JSON_FAULTS, PAIR, base, changed_json, sparse

MB = 1 << 20


def _search(change: Callable[[Path], object], **inputs: Any) -> Make:
    def make(folder: Path) -> Sequence[object]:
        model = base(folder)
        change(model)
        image = PAIR.inputs.parent / "images" / "price-001.png"
        lines = [{"image": str(image), "prompt": f"How much does this cost? {n}"} | inputs for n in range(2)]
        (folder / "inputs.jsonl").write_text("\n".join(map(json.dumps, lines)))
        options = (
            "--inputs",
            folder / "inputs.jsonl",
            "--alphas",
            "0,0.5,1",
            "--max-new-tokens",
            2,
            "--exhaustive",
        )
        return (
            "search",
            model,
            PAIR.donor,
            *options,
            "--rule",
            "sum",
            "--ends",
            "all",
            "--no-donor",
            "--out",
            OUT,
        )

    return make


def _template(text: str) -> Make:
    return _search(lambda model: (model / "chat_template.jinja").write_text(text))


def _json(name: str, **changes: Any) -> Make:
    return _search(lambda model: changed_json(model / name, **changes))


def _tokenizer(**changes: Any) -> Make:
    return _json("tokenizer.json", **changes)


SPLIT = {"type": "Split", "behavior": "Isolated", "invert": False}
TEMPLATES = {
    "nothing": "",
    "a loop of ten thousand million": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "a loop that grows": "{% set n = namespace(x='a') %}{% for a in range(99) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
    "a text of a terabyte": "{{ 'a' * 1000000000000 }}",
    "a text of ten gigabytes": "{{ 'a' * 10000000000 }}",
    "a power": "{{ 9 ** 9 ** 9 }}",
    "a power by a variable": "{% set x = messages|length + 9 %}{{ x ** x ** x }}",
    "squares of squares": "{% set n = namespace(x=99999999) %}{% for a in range(60) %}{% set n.x = n.x * n.x %}{% endfor %}",
    "a shift by format": "{{ '%0999999999d' % 1 }}",
    "a padding": "{{ 'a'|center(99999999999) }}",
    "a list that grows": "{% set n = namespace(x=[1]) %}{% for a in range(99) %}{% set n.x = n.x + n.x %}{% endfor %}",
    "a macro that calls itself": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "100,000 brackets": "{{ " + "(" * 100_000 + "1" + ")" * 100_000 + " }}",
    "20,000 ifs": "{% if 1 %}" * 20_000 + "{% endif %}" * 20_000,
    "50,000 filters": "{{ 'a'" + "|upper" * 50_000 + " }}",
    "a million sums": "{{ 1" + "+1" * 200_000 + " }}",
    "two megabytes": "a" * (2 * MB),
    "cut off": "{% for",
    "an unknown filter": "{{ 'a'|nothing }}",
    "an exception": "{{ raise_exception('no \x1b[31m way') }}",
    "an exception of a megabyte": "{{ raise_exception('n' * 1000000) }}",
    "a class": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "a global": "{{ self.__init__.__globals__ }}",
    "an attribute by a filter": "{{ ''|attr('__class__') }}",
    "a format that reads": "{{ '{0.__class__}'.format(1) }}",
    "a changed message": "{% set _ = messages.append(1) %}",
    "an undefined name": "{{ nothing.at.all }}",
    "a division by zero": "{{ 1 // 0 }}",
    "an import": "{% import 'os' as os %}{{ os }}",
    "an include": "{% include '/etc/passwd' %}",
    "no word of the question": "{{ 'hello' }}",
    "a date": "{{ strftime_now('%9999999d') }}",
    "half a character": "{{ '\\ud800' }}",
}
TOKENIZERS: dict[str, Make] = {
    **{
        f"the file: {fault}": _search(
            lambda model, write=write: [(model / "tokenizer.json").unlink(), write(model / "tokenizer.json")]
        )
        for fault, write in JSON_FAULTS.items()
    },
    "a pattern without end": _tokenizer(
        pre_tokenizer=SPLIT | {"pattern": {"Regex": "(a|a|.)*(b|b|.)*(.*)*x$"}}
    ),
    "a pattern of repetitions": _tokenizer(
        pre_tokenizer=SPLIT | {"pattern": {"Regex": "((((a{999}){999}){999}){999})"}}
    ),
    "a pattern that is none": _tokenizer(pre_tokenizer=SPLIT | {"pattern": {"Regex": "("}}),
    "a pattern of a megabyte": _tokenizer(pre_tokenizer=SPLIT | {"pattern": {"Regex": "(a|b)" * (MB // 5)}}),
    "a normalizer that doubles": _tokenizer(
        normalizer={
            "type": "Sequence",
            "normalizers": [{"type": "Replace", "pattern": {"Regex": "."}, "content": "aa"}] * 40,
        }
    ),
    "a normalizer that prepends": _tokenizer(normalizer={"type": "Prepend", "prepend": "a" * (20 * MB)}),
    "a normalizer of its own": _tokenizer(normalizer={"type": "Mine"}),
    "a map of characters that is none": _tokenizer(
        normalizer={"type": "Precompiled", "precompiled_charsmap": "AAAA"}
    ),
    "a map of characters that leads astray": _tokenizer(
        normalizer={"type": "Precompiled", "precompiled_charsmap": "CAAAAP////////8="}
    ),
    "a padding of 2^40": _tokenizer(
        padding={
            "strategy": {"Fixed": 2**40},
            "direction": "Right",
            "pad_to_multiple_of": None,
            "pad_id": 0,
            "pad_type_id": 0,
            "pad_token": "a",
        }
    ),
    "a padding to multiples of nothing": _tokenizer(
        padding={
            "strategy": "BatchLongest",
            "direction": "Right",
            "pad_to_multiple_of": 0,
            "pad_id": 0,
            "pad_type_id": 0,
            "pad_token": "a",
        }
    ),
    "a truncation to nothing": _tokenizer(
        truncation={"max_length": 0, "stride": 5, "strategy": "LongestFirst", "direction": "Right"}
    ),
    "a model of its own": _tokenizer(model={"type": "Mine"}),
    "an empty model": _tokenizer(model={"type": "BPE", "vocab": {}, "merges": []}),
    "a Unigram of nothing": _tokenizer(model={"type": "Unigram", "vocab": [], "unk_id": 0}),
    "a Unigram beyond itself": _tokenizer(model={"type": "Unigram", "vocab": [["a", 0.0]], "unk_id": 7}),
    "a WordPiece without its unknown": _tokenizer(
        model={
            "type": "WordPiece",
            "vocab": {"a": 0},
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
        }
    ),
    "merges of nothing": _tokenizer(model={"type": "BPE", "vocab": {"a": 0}, "merges": ["x y"]}),
    "rows beyond the table": _tokenizer(
        model={"type": "WordLevel", "vocab": {"a": 99_999_999, "b": 1}, "unk_token": "a"}
    ),
    "rows of 2^33": _tokenizer(model={"type": "WordLevel", "vocab": {"a": 2**33}, "unk_token": "a"}),
    "no special tokens": _tokenizer(added_tokens=[]),
    "added tokens twice": _tokenizer(
        added_tokens=[
            {
                "id": 0,
                "content": "a",
                "special": True,
                "single_word": False,
                "lstrip": False,
                "rstrip": False,
                "normalized": False,
            }
        ]
        * 3
    ),
    "a post-processor of its own": _tokenizer(
        post_processor={
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "no", "type_id": 0}}],
            "pair": [],
            "special_tokens": {},
        }
    ),
    "a decoder of its own": _tokenizer(decoder={"type": "Mine"}),
}
SETTINGS: dict[str, Make] = {
    "an end that is text": _json("generation_config.json", eos_token_id="stop"),
    "an end beyond the table": _json("generation_config.json", eos_token_id=99_999_999),
    "an end below zero": _json("generation_config.json", eos_token_id=-5),
    "ends that are lists": _json("generation_config.json", eos_token_id=[[1]]),
    "an end of half": _json("generation_config.json", eos_token_id=0.5),
    "a padding of text": _json("generation_config.json", pad_token_id="pad"),
    "a temperature of text": _json("generation_config.json", temperature="hot", do_sample=True),
    "beams without end": _json("generation_config.json", num_beams=10**9),
    "a penalty of zero": _json("generation_config.json", repetition_penalty=0.0),
    "a penalty of text": _json("generation_config.json", repetition_penalty="much"),
    "a length of text": _json("generation_config.json", max_new_tokens="many"),
    "words that are bad": _json("generation_config.json", bad_words_ids=[[99_999_999]]),
    "a watermark": _json("generation_config.json", watermarking_config={"greenlist_ratio": 9}),
    "code of its own": _json("generation_config.json", custom_generate="someone/code"),
    "a cache of its own": _json("generation_config.json", cache_implementation="mine"),
    "an attention of the hub": _json("config.json", attn_implementation="someone/kernel"),
    "an attention of the hub, inside": _json("config.json", _attn_implementation="someone/kernel"),
    "experts of the hub": _json("config.json", experts_implementation="someone/kernel"),
    "kernels of the hub": _json("config.json", use_kernels=True, kernel_config={"a": "someone/kernel"}),
    "remote code": _json(
        "config.json", auto_map={"AutoConfig": "m.C", "AutoModelForCausalLM": "m.M"}, model_type="mine"
    ),
    "remote code of the hub": _json(
        "config.json", auto_map={"AutoConfig": "someone/code--m.C"}, model_type="mine"
    ),
    "weights elsewhere": _json("config.json", transformers_weights="other.safetensors"),
    "a class that is true": _json("config.json", architectures=True),
    "a class of nothing": _json("config.json", architectures=["Nothing"]),
    "a quantisation": _json("config.json", quantization_config={"quant_method": "mine"}),
    "a dtype of nothing": _json("config.json", torch_dtype="float99", dtype="float99"),
    "a processor of nothing": _json("processor_config.json", processor_class="Nothing"),
    "a processor of the system": _json("processor_config.json", processor_class="os.system"),
    "a processor that is a list": _json("processor_config.json", processor_class=[1]),
    "a processor with remote code": _json("processor_config.json", auto_map={"AutoProcessor": "m.P"}),
    "an image processor of nothing": _json("preprocessor_config.json", image_processor_type="Nothing"),
    "an image of a million rows": _json(
        "preprocessor_config.json", size={"shortest_edge": 10**12, "longest_edge": 10**14}
    ),
    "an image of nothing": _json("preprocessor_config.json", size={"shortest_edge": 0, "longest_edge": 0}),
    "an image below zero": _json("preprocessor_config.json", size={"shortest_edge": -1, "longest_edge": -1}),
    "patches of nothing": _json("preprocessor_config.json", patch_size=0),
    "patches of a million": _json("preprocessor_config.json", patch_size=10**6),
    "patches of text": _json("preprocessor_config.json", patch_size="large"),
    "means of text": _json("preprocessor_config.json", image_mean="grey"),
    "means NaN": _json("preprocessor_config.json", image_mean=[float("nan")] * 3),
    "deviations of zero": _json("preprocessor_config.json", image_std=[0.0, 0.0, 0.0]),
    "a resampling of 99": _json("preprocessor_config.json", resample=99),
    "a tokenizer of nothing": _json("tokenizer_config.json", tokenizer_class="Nothing"),
    "a tokenizer with remote code": _json(
        "tokenizer_config.json", auto_map={"AutoTokenizer": ["m.T", None]}, tokenizer_class="T"
    ),
    "special tokens of numbers": _json("tokenizer_config.json", extra_special_tokens=[1, 2]),
    "an end token missing": _json("tokenizer_config.json", eos_token=None),
    "a longest text of nothing": _json("tokenizer_config.json", model_max_length=0),
    "a template in the settings": _json("tokenizer_config.json", chat_template="{{ 9 ** 9 ** 9 }}"),
    "a vocabulary of 2^40": _search(lambda model: _inner(model, vocab_size=2**40)),
    "layers of 2^30": _search(lambda model: _inner(model, num_hidden_layers=2**30)),
    "heads of zero": _search(lambda model: _inner(model, num_attention_heads=0)),
    "a hidden size of 2^30": _search(lambda model: _inner(model, hidden_size=2**30)),
    "an activation of nothing": _search(lambda model: _inner(model, hidden_act="nothing")),
    "an image token beyond": _json("config.json", image_token_id=99_999_999),
    "a template of 40 GB": _search(lambda model: sparse(model / "chat_template.jinja", 40 << 30)),
    "a processor config of 40 GB": _search(lambda model: sparse(model / "processor_config.json", 40 << 30)),
    "a generation config of 40 GB": _search(
        lambda model: sparse(model / "generation_config.json", 40 << 30, b"{}")
    ),
    "a special token map of 40 GB": _search(
        lambda model: sparse(model / "special_tokens_map.json", 40 << 30, b"{}")
    ),
    "generation settings nested": _search(
        lambda model: (model / "generation_config.json").write_text("[" * 200_000)
    ),
    "processor settings that unfold": _search(
        lambda model: (model / "preprocessor_config.json").write_text('{"a": [' + "[]," * (7 * MB) + "1]}")
    ),
}


def _inner(model: Path, **changes: Any) -> None:
    config = json.loads((model / "config.json").read_text())
    config["text_config"] |= changes
    (model / "config.json").write_text(json.dumps(config))


def kinds() -> Iterator[Kind]:
    yield Kind("template/SOUND", _search(lambda model: None), sound=True, live=True)
    for name, text in TEMPLATES.items():
        yield Kind(f"template/{name}", _template(text), harmless=True, live=True)
    for name, make in TOKENIZERS.items():
        yield Kind(f"tokenizer/{name}", make, harmless=True, live=True)
    for name, make in SETTINGS.items():
        yield Kind(f"setting/{name}", make, harmless=True, live=True)
