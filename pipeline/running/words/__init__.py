"""What a cell shows, in words that a person can review: HTML, pictures of our own (SVG) and figures of Matplotlib.

In: the value that a cell ends with, as HTML, and the figures that it leaves open. Out: lines of text, which are kept in
``docs/outputs`` and compared as what the cell prints is. Numbers that are drawn stand in ``⟨⟩``: see
`pipeline.outputs.compare`.
"""
