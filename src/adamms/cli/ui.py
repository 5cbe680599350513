"""`adamms ui`: the method in a browser."""

import os
from ipaddress import ip_address
from typing import Annotated

import typer

from adamms.cli.options import OUTPUT, Device
from adamms.errors import MachineError


def ui(
    host: Annotated[
        str,
        typer.Option(
            help="Address to listen at. Any but this machine's own opens the page to others, who then can "
            "name no folder and download no weights.",
            metavar="HOST",
            rich_help_panel=OUTPUT,
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(
            help="Port; the first free one from 7860 when left out.",
            metavar="N",
            min=1,
            max=65535,
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    device: Device = None,
    browser: Annotated[bool, typer.Option(help="Open a browser.", rich_help_panel=OUTPUT)] = True,
) -> None:
    """Map, try, search and save in a browser; reachable from this machine alone.

    Example: `adamms ui`
    """
    # Before Gradio is imported, which else asks its makers for news.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    public = not _is_own(host)
    if public:
        # Before the hub's library is: visitors do not read the owner's private models.
        os.environ["HF_HUB_DISABLE_IMPLICIT_TOKEN"] = "1"
    from adamms.ui.app import build, launch
    from adamms.ui.desk import Desk
    from adamms.ui.names import Names

    desk = Desk(Names(public=public), device=device)
    try:
        launch(build(desk), host=host, port=port, inbrowser=browser)
    except OSError as error:
        raise MachineError(f"The page cannot be served at {host}: {error}.") from None
    finally:
        desk.close()


def _is_own(host: str) -> bool:
    """Whether only this machine reaches the address."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
