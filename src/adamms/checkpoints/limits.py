"""How much is read of what is no weights: one table, a kind of file a line; more is refused in a sentence.

Real files are far below: the largest tokenizer has 35 MB, a config 100 kB, an index of many experts 30 MB.
What is not listed may have `TEXT`.
"""

KB, MB = 1 << 10, 1 << 20

CONFIG = 8 * MB
"""config.json, and the other settings of a model or an adapter."""
INDEX = 64 * MB
TOKENIZER = 128 * MB
"""tokenizer.json, vocab.json, tokenizer.model and what lies beside them."""
SENTENCEPIECE_FIELDS = 4_000_000
"""In a tokenizer.model: four a piece or so."""
TEMPLATE = MB
"""A chat template."""
CARD = MB
"""A model's README.md, of which the licence is read."""
RECIPE = 256 * KB
YAML_NODES, YAML_DEPTH = 100_000, 64
"""What a recipe holds with its aliases unfolded, and how deep."""
TEXT = 256 * MB
"""A file of inputs, answers, scores or a mapping."""
HEADERS = 256 * MB
"""The headers of all weight files of a model together; one has 100 MB at most by its format."""
TENSORS = 250_000
"""Of one model; the largest of today have 150,000."""
SHARDS = 10_000
"""Weight files of one model."""
FILES = 20_000
"""In a model's folder, those below included."""
FOLDERS, DEPTH = 1_000, 32
"""Below a model's folder, and inside one another."""
COMPANIONS = 8 << 30
"""All files that travel with a model's weights together."""
DIMENSIONS = 64
"""Of a tensor."""
PICKLE = 32 * MB
"""What a `.bin` file says about its tensors; its directory of records may have as much."""
OPCODES = 2_000_000
"""Instructions in one pickle: some 40 a tensor."""
UNFOLDED = 600 * MB
"""What a JSON document takes in memory, estimated from its signs before it is parsed."""
DIGITS = 300
"""Of a whole number in a JSON document; longer ones are no number that a computer reckons with."""
PATTERN_SECONDS = 5.0
"""For all regular expressions of an adapter."""
CELL = 64 * MB
"""Of a table in text, which may be a picture."""
ROWS, CELLS = 1_000_000, 10_000_000
"""Of a spreadsheet."""
SPREADSHEET = 16 * MB
"""What a spreadsheet unfolds to."""
