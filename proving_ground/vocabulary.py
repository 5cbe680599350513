"""The closed vocabulary of the zoo, and its tokenizers.

One token a word. All models grown from one language model share its words and chat tokens at the same rows;
then each family goes its own way, as the real ones do: Qwen2-VL has `<|vision_start|>`, `<|image_pad|>` and
their kind, LLaVA-OneVision has `<image>` and `<video>`, and they stand at the SAME row numbers. So vocabulary
rows must be merged by token, never by number.
"""

import re
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Language:
    """The tokens of one language model, in the order of their rows, and the special ones among them."""

    tokens: tuple[str, ...]
    specials: tuple[str, ...]
    unknown: str
    padding: str
    end: str
    begin: str | None = None

    def rows(self, specials: tuple[str, ...] = ()) -> dict[str, int]:
        """Token to row: the language model's own, then a family's own `specials`."""
        return {token: row for row, token in enumerate((*self.tokens, *specials))}


QWEN2 = Language(
    (*words(), *SHARED_SPECIALS), SHARED_SPECIALS, unknown=UNKNOWN, padding=PADDING, end=TURN_END
)
# As Llama's: the special tokens first, none for padding. Two words more, for CogVLM's prompts.
LLAMA_SPECIALS = ("<unk>", "<s>", "</s>")
LLAMA = Language(
    (*LLAMA_SPECIALS, *words(), "question", "short"),
    LLAMA_SPECIALS,
    unknown="<unk>",
    padding="<unk>",
    end="</s>",
    begin="<s>",
)


def vocabulary(specials: tuple[str, ...] = ()) -> dict[str, int]:
    """Token to row in the Qwen2 zoo: the words, the chat tokens all share, then a family's own `specials`."""
    return QWEN2.rows(specials)


def split(text: str) -> list[str]:
    """Split a text into words and marks, exactly as the tokenizers do."""
    return re.findall(r"\w+|[^\w\s]+", text.lower())


def tokenizer(language: Language, specials: tuple[str, ...] = (), *, chat_template: str | None = None) -> Any:
    """Build a transformers fast tokenizer over a language's tokens and a family's own `specials`."""
    from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    # Tokens behind the words take the rows that are left; those before them need theirs said.
    first_word = language.tokens.index(words()[0])
    behind = set(language.tokens[first_word:]) & set(language.specials) - {language.unknown}
    rows = {token: row for token, row in language.rows().items() if token not in behind}
    backend = Tokenizer(models.WordLevel(rows, unk_token=language.unknown))
    backend.normalizer = normalizers.Lowercase()
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    backend.add_special_tokens(
        [AddedToken(token, special=True, normalized=False) for token in (*language.specials, *specials)]
    )
    if language.begin is not None:
        begin = (language.begin, rows[language.begin])
        backend.post_processor = processors.TemplateProcessing(
            single=f"{language.begin} $A", pair=f"{language.begin} $A $B", special_tokens=[begin]
        )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        **({} if language.begin is None else {"bos_token": language.begin}),
        unk_token=language.unknown,
        eos_token=language.end,
        pad_token="<pad>" if "<pad>" in specials else language.padding,
        padding_side="left",
        model_max_length=512,
        clean_up_tokenization_spaces=False,
    )
    fast.chat_template = chat_template
    return fast
