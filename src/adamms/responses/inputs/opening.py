"""Which reader inputs get: told by what is in them, not by what they are called."""

from pathlib import Path

from adamms.checkpoints.local_files import open_regular, read_bytes
from adamms.errors import SearchError
from adamms.responses.inputs.problems import Tally
from adamms.responses.inputs.records import Record, Records
from adamms.responses.inputs.source import InputSource

PARQUET = b"PAR1"
SPREADSHEET = b"PK\x03\x04"
TAKEN = (
    "JSON lines, a JSON array, LLaVA's conversations, messages, a CSV or TSV whose first line names its "
    "columns, parquet, a folder of pictures with --prompt, or a data set"
)


def open_records(source: InputSource, tally: Tally) -> Records:
    """The records of inputs, whatever they are.

    Args:
        source: as the user named them.
        tally: hears what is worth a word.

    Raises:
        SearchError: nothing is there, it cannot be read, or it is of no kind that is known.
    """
    if (given := source.records) is not None:
        from adamms.responses.inputs.json_records import as_record

        values = (as_record(dict(value), f"entry {at}", at) for at, value in enumerate(given, start=1))
        return Records("records in memory", values, Path(), at_hand=False)
    if source.is_remote:
        from adamms.responses.inputs.dataset_records import read_hub

        return read_hub(source, tally)
    path = source.path
    try:
        if path.is_dir():
            return _open_folder(source, tally)
        head = _head(path)
        if head.startswith(PARQUET):
            from adamms.responses.inputs.parquet_records import read_parquet

            return read_parquet([path], source)
        return _open_file(source, path, head, tally)
    except FileNotFoundError:
        raise SearchError(f"The inputs file {path} does not exist.") from None
    except OSError as error:
        raise SearchError(f"The inputs file {path} cannot be read: {error.strerror}.") from None


def _open_folder(source: InputSource, tally: Tally) -> Records:
    from adamms.responses.inputs.folder_records import metadata_of, read_folder

    folder = source.path
    if (folder / "dataset_info.json").is_file() or (folder / "dataset_dict.json").is_file():
        from adamms.responses.inputs.dataset_records import read_saved

        return read_saved(source, tally)
    if (metadata := metadata_of(folder)) is not None:
        return _open_file(source, metadata, _head(metadata), tally)
    if tables := sorted(folder.rglob("*.parquet")):
        from adamms.responses.inputs.parquet_records import read_parquet

        return read_parquet(tables, source)
    if (records := read_folder(source, tally)) is not None:
        return records
    raise SearchError(
        f"The inputs {folder} are a folder without pictures, parquet files or a data set; name the file in "
        "it."
    )


def _open_file(source: InputSource, path: Path, head: bytes, tally: Tally) -> Records:
    if _is_picture(head, path):
        if source.prompt is None:
            raise SearchError(f'{path} is a picture; say what to ask about it: --prompt "What is this?".')
        record = Record(path.name, 1, {"image": Path(path.name)})
        return Records("picture", iter([record]), path.parent)
    if head.startswith(SPREADSHEET):
        raise SearchError(f"{path} is a spreadsheet or an archive; save it as CSV or TSV, or unpack it.")
    text = _text(path)
    begins = text.lstrip()[:1]
    if begins in ("{", "["):
        from adamms.responses.inputs.json_records import read_json

        return read_json(text, path)
    # Late: most files are JSON.
    from adamms.responses.inputs.table_records import read_table, table_header

    if (header := table_header(text, source)) is not None:
        return read_table(text, path, *header)
    if not begins:
        return Records("empty file", iter(()), path.parent)
    from adamms.responses.inputs.json_records import read_json

    if path.suffix.lower() in (".jsonl", ".json", ".ndjson"):
        return read_json(text, path)
    line = text.lstrip().split("\n", 1)[0][:60]
    raise SearchError(
        f"{path} is no file of inputs that can be told: it begins with {line!r}. Inputs are {TAKEN}; columns "
        "of other names are named with --column prompt=NAME."
    )


def _head(path: Path) -> bytes:
    with open_regular(path) as file:
        return file.read(16)


def _text(path: Path) -> str:
    try:
        content = read_bytes(path)
        # What Windows' editors save as "Unicode".
        utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
        return content.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError:
        raise SearchError(f"The inputs file {path} is not a text file (UTF-8).") from None


def _is_picture(head: bytes, path: Path) -> bool:
    begins = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\x00", b"MM\x00*")
    if head.startswith(begins) or (head.startswith(b"RIFF") and head[8:12] == b"WEBP"):
        return True
    return head.startswith(b"BM") and _opens(path)


def _opens(path: Path) -> bool:
    from adamms.responses.picture_files import opened_picture

    try:
        with opened_picture(path):
            return True
    except Exception:
        return False
