"""The notebook of the examples, run from top to bottom by a kernel of its own."""

from pathlib import Path
from typing import Any

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

NOTEBOOK = Path(__file__).parent.parent / "examples" / "quickstart.ipynb"


def outputs(cell: Any, kind: str) -> list[Any]:
    return [output for output in cell.get("outputs", []) if output["output_type"] == kind]


def test_the_notebook_runs_from_top_to_bottom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path / "matplotlib"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    cells = [cell for cell in notebook.cells if cell["cell_type"] == "code"]
    assert all(cell["execution_count"] for cell in cells)
    shown = next(cell for cell in cells if cell["source"].startswith("search = "))
    (result,) = outputs(shown, "execute_result")
    assert "data:image/png;base64," in result["data"]["text/html"]
    # The bar is one line that is written again, and standard error stays empty.
    printed = "".join(stream["text"] for stream in outputs(shown, "stream"))
    assert "Asking the donor done, 60 answers" in printed
    noise = [stream["text"] for stream in outputs(shown, "stream") if stream["name"] == "stderr"]
    assert noise == []
    drawn = next(cell for cell in cells if ".plot()" in cell["source"])
    assert "image/png" in outputs(drawn, "display_data")[0]["data"]
    text = "".join(output["text"] for output in outputs(cells[-1], "stream") if output["name"] == "stdout")
    assert "base " in text
    assert "merged " in text
