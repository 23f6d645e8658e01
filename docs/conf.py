"""Settings of the site; what differs from the defaults, and no logic."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

project = "ptguide"
author = "the ptguide authors"
copyright = "2026, the ptguide authors"
version = release = "0.1.0"

extensions = [
    "_ext.unfinished",
    "_ext.order",
    "_ext.pages",
    "_ext.outputs",
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "numpydoc",
    "myst_parser",
    "sphinx_design",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "_ext.snippets",
    "_ext.static_code",
    "_ext.provenance",
    "_ext.thumbnails",
    "_ext.mathml",
    "_ext.downloads",
    "_ext.leftovers",
    "_ext.search_entries",
    "_ext.offline",
]
exclude_patterns = ["_build", "_ext", "outputs", "**/sg_execution_times.rst"]
nitpicky = True
highlight_language = "none"
default_role = None
suppress_warnings = ["config.cache"]

# The one setting for where the project lives; every link to it is made of these two.
repository_url = "https://github.com/ptguide/ptguide"
html_baseurl = "https://ptguide.github.io/ptguide/"


myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

# --- The pages -------------------------------------------------------------------------------------------------------
gallery_order = {
    "tensors": ["what_is_a_tensor", "strides_and_storage"],
    "shapes": ["stack", "reshape_and_view", "broadcasting"],
    "computing": ["reductions"],
    "errors": ["mat1_and_mat2_shapes"],
}
pages_preload = ["torch", "torch.testing", "matplotlib.pyplot"]
pages_time_limit = 120
sphinx_gallery_conf = {
    "examples_dirs": "../gallery",
    "gallery_dirs": "guide",
    "filename_pattern": r"\.py$",
    "notebook_extensions": set(),  # _ext.notebooks makes them, from the resolved page
    "download_all_examples": False,  # a chapter is one archive, made by _ext.downloads
    "image_scrapers": ("_ext.scrapers.figures", "_ext.scrapers.pictures"),
    "image_srcset": ["2x"],
    "backreferences_dir": "guide/backreferences",
    "doc_module": ("ptguide",),
    "reset_modules": (),  # each page has a process of its own
    "remove_config_comments": True,
    "write_computation_times": False,  # _ext.provenance says it under each page
    "min_reported_time": 1e9,
    "show_signature": False,
}

# --- References ------------------------------------------------------------------------------------------------------
intersphinx_mapping = {
    "python": ("https://docs.python.org/3", (None, "inventories/python.inv")),
    "torch": ("https://docs.pytorch.org/docs/stable", (None, "inventories/torch.inv")),
    "torchvision": ("https://docs.pytorch.org/vision/stable", (None, "inventories/torchvision.inv")),
    "numpy": ("https://numpy.org/doc/stable", (None, "inventories/numpy.inv")),
}
intersphinx_timeout = 5
autosummary_generate = False  # it would import torch in every build
autodoc_typehints = "none"  # shapes stand in the docstring, types in the signature
numpydoc_show_class_members = False

# --- Looks -----------------------------------------------------------------------------------------------------------
html_theme = "pydata_sphinx_theme"
html_math_renderer = "mathml"
html_static_path = ["_static"]
templates_path = ["_templates"]
html_css_files = ["ptguide.css"]
html_use_index = False  # the search finds more
html_domain_indices = False
html_copy_source = False
html_show_sourcelink = False
html_title = "ptguide"
html_favicon = "_static/favicon.svg"
html_context = {"default_mode": "auto"}
html_sidebars = {name: [] for name in ("index", "install", "checks", "changelog")}  # nothing below them to navigate to
html_theme_options = {
    "show_prev_next": True,
    "navigation_with_keys": False,
    "icon_links": [{"name": "Source", "url": repository_url, "icon": "fa-brands fa-github"}],
    "article_footer_items": ["run-this-page", "provenance"],
    "secondary_sidebar_items": ["page-toc"],
    "primary_sidebar_end": [],
    "footer_start": ["copyright"],
    "footer_end": ["footer-note"],
}
