"""The page: its parts and what they call, in Gradio. `adamms ui` opens it, and a hub's Space serves it."""

import inspect
import logging
from collections.abc import Callable, Iterator
from functools import wraps
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from adamms.errors import AdaMMSError
from adamms.responses import read_inputs
from adamms.ui.desk import Desk, Wish
from adamms.ui.names import SMALL
from adamms.zoo import shipped_pair

BASE, DONOR = f"{SMALL}qwen2-vl", f"{SMALL}llava-onevision"
ALPHAS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)
"""What one click asks for all at once."""
EXAMPLES = 6
UPLOADS = (600, 3600)
"""Seconds between looking for what was uploaded or offered for download, and after which it is deleted."""
STYLE = Path(__file__).with_name("app.css")
INTRODUCTION = """# AdaMMS
Merge two multimodal models that do not share an architecture, and choose how much of the donor, without
labels. The **base** keeps its architecture, tokenizer and vision encoder; the **donor** is merged into its
language model.
"""
FAULT = "Something failed here, which is a fault of ours; the server's log says more."


def build(desk: Desk) -> gr.Blocks:
    """The app, ready to be launched.

    Args:
        desk: what it does; whoever made it closes it.
    """
    with gr.Blocks(title="AdaMMS", analytics_enabled=False, delete_cache=UPLOADS) as page:
        gr.Markdown(INTRODUCTION)
        known = "A small model that ships, or a hub id" + ("" if desk.names.public else ", or a folder")
        with gr.Row():
            base, donor = (
                gr.Dropdown(
                    list(desk.names.shipped),
                    value=value,
                    allow_custom_value=True,
                    label=label,
                    info=known,
                    min_width=280,
                )
                for label, value in (("Base", BASE), ("Donor", DONOR))
            )
        with gr.Tab("1 Map"):
            _mapping(desk, base, donor)
        with gr.Tab("2 Try"):
            alpha = _live(desk, base, donor)
        with gr.Tab("3 Search"):
            _search(desk, base, donor, alpha)
        with gr.Tab("4 Save"):
            _save(desk, base, donor, alpha)

        def left(request: gr.Request) -> None:
            desk.visitors.left(request.session_hash)

        page.unload(left)
    return page


def launch(page: gr.Blocks, *, host: str = "127.0.0.1", port: int | None = None, **options: Any) -> Any:
    """Serve the app; reachable from this machine alone unless another host is named.

    Args:
        page: the app.
        host: the address to listen at.
        port: the first free one from 7860 when left out.
        **options: further ones of Gradio's `launch`.
    """
    return page.queue(default_concurrency_limit=4, api_open=False).launch(
        server_name=host,
        server_port=port,
        share=False,
        css_paths=STYLE,
        theme=_theme(),
        footer_links=[],
        show_error=False,
        ssr_mode=False,
        mcp_server=False,
        pwa=False,
        enable_monitoring=False,
        max_file_size="20mb",
        **options,
    )


def _theme() -> gr.themes.Base:
    """Gradio's plain one, in fonts that every machine has, and with what is said beside fields legible."""
    theme = gr.themes.Base(primary_hue="teal", font="system-ui", font_mono="ui-monospace")
    return theme.set(
        block_info_text_color="*neutral_600",
        block_info_text_color_dark="*neutral_300",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_800",
        button_primary_text_color_dark="white",
    )


def _mapping(desk: Desk, base: gr.Dropdown, donor: gr.Dropdown) -> None:
    gr.Markdown("Read from headers alone: a hub id downloads no weights.")
    go = gr.Button("Show what maps", variant="primary")
    view = gr.HTML()
    file = gr.DownloadButton("Download mapping.json", visible=False)

    def show(base: str, donor: str, request: gr.Request) -> Any:
        html, path = desk.map(desk.visitors.of(request.session_hash), base, donor)
        return html, gr.DownloadButton(value=path, visible=True)

    _on(go.click, show, [base, donor], [view, file])


def _live(desk: Desk, base: gr.Dropdown, donor: gr.Dropdown) -> gr.Slider:
    gr.Markdown(
        "One model is loaded, and its weights move as you drag. Bring a picture of your own, or take one "
        "from below."
    )
    with gr.Row():
        with gr.Column(scale=2):
            picture = gr.Image(type="pil", label="Picture", sources=["upload", "clipboard"], height=260)
            prompt = gr.Textbox(label="Question", placeholder="What is in the picture?", max_length=4000)
            limit = gr.Slider(1, 128, value=16, step=1, label="Longest answer, in tokens")
        with gr.Column(scale=3):
            alpha = gr.Slider(0, 1, value=0.3, step=0.05, label="alpha, the donor's weight")
            with gr.Row():
                ask = gr.Button("Ask", variant="primary")
                every = gr.Button("Ask at 0, 0.1 ... 0.6")
            answer = gr.HTML()
            strip = gr.HTML()
    inputs = [base, donor, alpha, picture, prompt, limit]

    def asked(
        base: str, donor: str, alpha: float, picture: Any, prompt: str, limit: int, request: gr.Request
    ) -> Any:
        visitor = desk.visitors.of(request.session_hash)
        return desk.ask(visitor, (base, donor), alpha, picture, prompt, limit=limit)

    def dragged(
        base: str, donor: str, alpha: float, picture: Any, prompt: str, limit: int, request: gr.Request
    ) -> Any:
        # Dragging before there is a question is no mistake.
        if not (prompt or "").strip():
            return gr.skip(), gr.skip()
        return asked(base, donor, alpha, picture, prompt, limit, request)

    def swept(
        base: str, donor: str, alpha: float, picture: Any, prompt: str, limit: int, request: gr.Request
    ) -> Iterator[Any]:
        for step in ALPHAS:
            yield asked(base, donor, step, picture, prompt, limit, request)

    _on(ask.click, asked, inputs, [answer, strip])
    _on(prompt.submit, asked, inputs, [answer, strip])
    _on(every.click, swept, inputs, [answer, strip])
    _on(alpha.change, dragged, inputs, [answer, strip], trigger_mode="always_last", show_progress="hidden")
    questions = read_inputs(shipped_pair().inputs, asked=False)
    # One of every kind of question.
    kinds = {question.id.rpartition("-")[0]: question for question in reversed(questions) if question.images}
    shown = [[str(question.images[0]), question.prompt] for question in list(kinds.values())[:EXAMPLES]]
    gr.Examples(shown, [picture, prompt], label="Of the kind that the small models know")
    return alpha


def _search(desk: Desk, base: gr.Dropdown, donor: gr.Dropdown, alpha: gr.Slider) -> None:
    gr.Markdown("Both models answer your questions by themselves; their answers say which alpha.")
    inputs = gr.Textbox(
        label="Inputs, a file on this machine",
        info="Left empty, the questions that ship with the small models.",
        visible=not desk.names.public,
    )
    with gr.Row():
        alphas = gr.Textbox("0:0.6:0.1", label="Alphas", info="from:to:step, or a list", max_length=200)
        samples = gr.Slider(10, 100 if desk.names.public else 400, value=100, step=10, label="Inputs drawn")
    exhaustive = gr.Checkbox(
        label="Every candidate answers everything",
        info="Slower and surer than letting candidates read what the two models answered.",
    )
    out = gr.Textbox(
        label="Run directory to write",
        info="Left empty, the run goes when the page is closed.",
        visible=not desk.names.public,
    )
    with gr.Row():
        go = gr.Button("Search", variant="primary")
        stop = gr.Button("Stop")
    status = gr.HTML()
    report = gr.HTML()

    def searched(
        base: str,
        donor: str,
        inputs: str,
        alphas: str,
        samples: int,
        exhaustive: bool,
        out: str,
        request: gr.Request,
    ) -> Iterator[Any]:
        visitor = desk.visitors.of(request.session_hash)
        wish = Wish(base, donor, inputs, alphas, samples, exhaustive, out)
        for stage, page, chosen in desk.search(visitor, wish):
            yield stage, page, gr.skip() if chosen is None else chosen

    _on(
        go.click,
        searched,
        [base, donor, inputs, alphas, samples, exhaustive, out],
        [status, report, alpha],
        show_progress="hidden",
        concurrency_limit=1 if desk.names.public else 2,
    )

    def stopped(request: gr.Request) -> None:
        desk.stop(desk.visitors.of(request.session_hash))

    _on(stop.click, stopped, [], [])


def _save(desk: Desk, base: gr.Dropdown, donor: gr.Dropdown, alpha: gr.Slider) -> None:
    weight = gr.Number(0.3, label="alpha, the donor's weight", minimum=0, maximum=1, step=0.05)
    alpha.change(lambda value: value, alpha, weight, api_visibility="private", show_progress="hidden")
    out = gr.Textbox(label="Folder to write", placeholder="merged", visible=not desk.names.public)
    go = gr.Button("Merge and save", variant="primary")
    status = gr.HTML()
    file = gr.DownloadButton("Download the merged model", visible=False)

    def saved(base: str, donor: str, alpha: float, out: str, request: gr.Request) -> Any:
        visitor = desk.visitors.of(request.session_hash)
        said, path = desk.save(visitor, (base, donor), alpha, out)
        return said, gr.DownloadButton(value=path, visible=path is not None)

    _on(go.click, saved, [base, donor, weight, out], [status, file])


def _on(
    event: Callable[..., Any], act: Callable[..., Any], inputs: Any, outputs: Any, **options: Any
) -> None:
    """Wire an event: what is wrong is said in a sentence, what failed is logged; nothing is an open API."""
    event(_spoken(act), inputs, outputs, api_visibility="private", **options)


def _spoken(act: Callable[..., Any]) -> Callable[..., Any]:
    """A handler whose errors are sentences. Gradio shows a message as HTML, so it is escaped."""

    def said(error: Exception) -> gr.Error:
        known = isinstance(error, AdaMMSError)
        if not known:
            logging.getLogger(__name__).error("A click failed.", exc_info=error)
        message = escape(str(error) if known else FAULT).replace("\n", "<br>")
        return gr.Error(message, title="", duration=None, print_exception=False)

    @wraps(act)
    def once(*values: Any) -> Any:
        try:
            return act(*values)
        except Exception as error:
            raise said(error) from None

    @wraps(act)
    def repeatedly(*values: Any) -> Iterator[Any]:
        try:
            yield from act(*values)
        except Exception as error:
            raise said(error) from None

    return repeatedly if inspect.isgeneratorfunction(act) else once
