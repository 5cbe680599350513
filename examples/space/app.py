"""AdaMMS as a Space: open to everybody, on a free CPU, reading nothing that is the server's."""

import os

# Nobody reads the owner's private models, and nothing is told to anybody.
os.environ["HF_HUB_DISABLE_IMPLICIT_TOKEN"] = "1"
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

from adamms.ui.app import build, launch
from adamms.ui.desk import Desk
from adamms.ui.names import Names

if __name__ == "__main__":
    desk = Desk(Names(public=True), device="cpu")
    try:
        launch(build(desk), host="0.0.0.0")
    finally:
        desk.close()
