"""The closed vocabulary of the zoo, and its three tokenizers.

One token a word. The three models share the words and the chat tokens at the same rows; then each family
goes its own way, as the real ones do: Qwen2-VL has `<|vision_start|>`, `<|image_pad|>` and their kind,
LLaVA-OneVision has `<image>` and `<video>`, and they stand at the SAME row numbers. So vocabulary rows must
be merged by token, never by number. Knows nothing of pictures or models.
"""

import re
from typing import Any

UNKNOWN, PADDING, TURN_START, TURN_END = "<|unk|>", "<|endoftext|>", "<|im_start|>", "<|im_end|>"
SHARED_SPECIALS = (UNKNOWN, PADDING, TURN_START, TURN_END)
QWEN2_VL_SPECIALS = ("<|vision_start|>", "<|vision_end|>", "<|vision_pad|>", "<|image_pad|>", "<|video_pad|>")
LLAVA_ONEVISION_SPECIALS = ("<image>", "<video>")

NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
COLOURS = ("black", "gray", "red", "green", "blue", "teal", "brown", "yellow")
SHAPES = ("circle", "rectangle", "triangle", "star", "cross", "diamond", "ring", "heart")
ROWS = ("top", "middle", "bottom")
COLUMNS = ("left", "center", "right")
OWNERS = ("anna", "bruno", "clara", "david", "emma", "felix", "greta", "hugo")
HOMES = ("cairo", "delhi", "lima", "oslo", "paris", "quito", "rome", "tokyo")
PRICES = ("ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty")

_OTHER = """
    system user assistant you are helpful a an the . , ? ! : is there not no yes in does image contain present
    what which who where how much many color shape shapes of this from it has have owns cost comes digit even
    odd empty picture show answer with word please one and or i do see can tell me
"""


def words() -> tuple[str, ...]:
    """Every word, in the order of its row."""
    groups = (NUMBERS, COLOURS, SHAPES, ROWS, COLUMNS, OWNERS, HOMES, PRICES, tuple(_OTHER.split()))
    return tuple(dict.fromkeys(word for group in groups for word in group))


def vocabulary(specials: tuple[str, ...] = ()) -> dict[str, int]:
    """Token to row: the words, the chat tokens all share, then a family's own `specials`."""
    return {token: row for row, token in enumerate((*words(), *SHARED_SPECIALS, *specials))}


def split(text: str) -> list[str]:
    """Split a text into words and marks, exactly as the tokenizers do."""
    return re.findall(r"\w+|[^\w\s]+", text.lower())


def tokenizer(specials: tuple[str, ...] = (), *, chat_template: str | None = None) -> Any:
    """Build a transformers fast tokenizer over the words, the chat tokens and a family's own `specials`."""
    from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    rows = {token: row for token, row in vocabulary().items() if token not in SHARED_SPECIALS[1:]}
    backend = Tokenizer(models.WordLevel(rows, unk_token=UNKNOWN))
    backend.normalizer = normalizers.Lowercase()
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.add_special_tokens(
        [AddedToken(token, special=True, normalized=False) for token in (*SHARED_SPECIALS, *specials)]
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        unk_token=UNKNOWN,
        eos_token=TURN_END,
        pad_token=PADDING,
        padding_side="left",
        model_max_length=512,
        clean_up_tokenization_spaces=False,
    )
    fast.chat_template = chat_template
    return fast
