"""A miniature of the site: the real extensions over pages that take no time."""

import os
import sys

sys.path[:0] = [os.environ["PTGUIDE_DOCS"], os.path.abspath("../src")]

project = "minisite"
extensions = [
    "_ext.unfinished",
    "_ext.order",
    "_ext.pages",
    "_ext.outputs",
    "sphinx.ext.autodoc",
    "numpydoc",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
    "_ext.snippets",
    "_ext.static_code",
    "_ext.solutions",
    "_ext.provenance",
    "_ext.device_tabs",
    "_ext.leftovers",
    "_ext.titles",
    "_ext.search_data",
    "_ext.offline",
]
exclude_patterns = ["_build", "outputs"]
highlight_language = "none"
suppress_warnings = ["config.cache"]
templates_path = [os.environ["PTGUIDE_DOCS"] + "/_templates"]
html_theme = "basic"
html_sidebars = {"**": ["provenance.html"]}
numpydoc_show_class_members = False

gallery_order = {"one": ["alpha", "beta"]}
pages_package = "../src/minihelp"
pages_time_limit = 3
sphinx_gallery_conf = {
    "examples_dirs": "../gallery",
    "gallery_dirs": "guide",
    "filename_pattern": r"\.py$",
    "notebook_extensions": set(),
    "download_all_examples": False,
    "image_scrapers": ("_ext.scrapers.figures", "_ext.scrapers.pictures"),
    "reset_modules": (),
    "remove_config_comments": True,
    "write_computation_times": False,
    "min_reported_time": 1e9,
    "show_signature": False,
}
if "PRETEND_GPU" in os.environ:
    pages_preload = ["pretend_gpu"]  # of minisite_devices
