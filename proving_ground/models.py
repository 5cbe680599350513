"""The two language models of the zoo at their small size: a Qwen2 and a Llama, transformers' own classes.

All families of a line hold the same language model (that is what makes a merge possible); their vision
towers differ on purpose (`families`).
"""

from typing import Any, Literal

import torch
from torch import nn

from proving_ground.vocabulary import LLAMA, PADDING, QWEN2, TURN_END, Language, vocabulary

Line = Literal["qwen2", "llama"]
LANGUAGES: dict[Line, Language] = {"qwen2": QWEN2, "llama": LLAMA}
PRETRAINED_ROWS = 128  # more rows than tokens, as in the models these imitate
HIDDEN, EMBEDDING_STD, MATRIX_STD = 128, 0.4, 0.07


def language_settings(rows: int) -> dict[str, Any]:
    """Return the settings of the Qwen2, the same in its whole line but for the number of `rows`."""
    ids = vocabulary()
    return {
        "vocab_size": rows,
        "hidden_size": HIDDEN,
        "intermediate_size": 320,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "rms_norm_eps": 1e-6,
        "bos_token_id": None,
        "eos_token_id": ids[TURN_END],
        "pad_token_id": ids[PADDING],
    }


def llama_settings(rows: int) -> dict[str, Any]:
    """Return the settings of the Llama: as many key-value heads as heads, as the 7B ones have.

    A narrower FFN than the Qwen2's, because CogVLM holds every layer twice.
    """
    ids = LLAMA.rows()
    return {
        **language_settings(rows),
        "num_key_value_heads": 4,
        "intermediate_size": 192,
        "bos_token_id": ids["<s>"],
        "eos_token_id": ids["</s>"],
        "pad_token_id": ids["<unk>"],
    }


def pretrained_model(line: Line = "qwen2") -> Any:
    """Return a fresh language model, initialised so that so small a model learns (0.02 stalls)."""
    from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM

    shared: dict[str, Any] = {
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
        "tie_word_embeddings": False,
        "attn_implementation": "eager",  # SDPA's backward is twice as slow on a CPU at this size
    }
    model: Any
    if line == "qwen2":
        model = Qwen2ForCausalLM(Qwen2Config(**language_settings(PRETRAINED_ROWS), **shared))
    else:
        model = LlamaForCausalLM(LlamaConfig(**llama_settings(PRETRAINED_ROWS), **shared))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 2:
                nn.init.normal_(parameter, std=MATRIX_STD)
        nn.init.normal_(model.get_input_embeddings().weight, std=EMBEDDING_STD)
    return model
