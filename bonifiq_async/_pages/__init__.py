"""Pages and pictures of results: HTML and SVG that need nothing from outside and run no script.

markup    one page in one file: its head, the CSS of all pages, and foreign text made harmless
pictures  bars, and what happened over time, as SVG
"""
