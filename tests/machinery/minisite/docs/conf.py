"""A miniature of the site: the real extensions over pages that take no time."""

import os
import sys

sys.path[:0] = [os.environ["PTGUIDE_ROOT"], os.path.abspath("../src")]

project = "minisite"
extensions = ["sphinx.ext.autodoc", "numpydoc", "myst_parser", "sphinx_gallery.gen_gallery"]
extensions += [
    f"pipeline.{room}" for room in ("gallery", "stale", "running", "outputs", "page", "form", "search", "tidying")
]
exclude_patterns = ["_build", "outputs"]
highlight_language = "none"
suppress_warnings = ["config.cache"]
templates_path = [os.environ["PTGUIDE_ROOT"] + "/docs/_templates"]
html_theme = "basic"
html_sidebars = {"**": ["provenance.html"]}
numpydoc_show_class_members = False

gallery_order = {"one": ["alpha", "beta"]}
pages_package = "../src/minihelp"
pages_time_limit = 900
sphinx_gallery_conf = {
    "examples_dirs": "../gallery",
    "gallery_dirs": "guide",
}
if "PRETEND_GPU" in os.environ:
    pages_preload = ["pretend_gpu"]  # of minisite_devices
