"""`adamms ui`: the method in a browser, and the same app as a hub's Space.

`app.py` lays the page out and wires it, `desk.py` is what a visitor's clicks do, `visitors.py` who they are,
`live.py` a base that answers at any alpha, `searches.py` a search beside the page, `views.py` the HTML, and
`names.py` which models a visitor may name. Only `app.py` knows Gradio.
"""
