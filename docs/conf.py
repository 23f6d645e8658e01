"""Settings of the site; what differs from the defaults, and no logic."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # pipeline/

project = "ptguide"
author = "the ptguide authors"
copyright = "2026, the ptguide authors"
version = release = "0.1.0"

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.intersphinx",
    "numpydoc",
    "myst_parser",
    "sphinx_design",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
    "pipeline",
]
exclude_patterns = ["_build", "outputs", "**/sg_execution_times.rst"]
nitpicky = True
highlight_language = "none"
default_role = None
suppress_warnings = ["config.cache"]

# The one setting for where the project lives; every link to it is made of these two.
repository_url = "https://github.com/ptguide/ptguide"
html_baseurl = "https://ptguide.github.io/ptguide/"


myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

# Pictures that no cell makes: docs/tensorboard_picture.py takes them, and its test holds them against their page.
pages_pictures = ["_static/tensorboard-light.webp", "_static/tensorboard-dark.webp"]

# --- The pages -------------------------------------------------------------------------------------------------------
gallery_order = {
    "tensors": [
        "what_is_a_tensor",
        "how_to_read_the_pictures",
        "making_tensors",
        "tensor_from_data",
        "dtypes",
        "attributes",
        "strides_and_storage",
        "numpy_and_back",
        "in_place_or_new",
        "tensor_to_python",
        "randomness_and_seeds",
        "saving_and_printing_tensors",
        "named_complex_and_sparse",
        "exercises_in_tensors",
    ],
    "shapes": [
        "reshape_and_view",
        "unsqueeze_and_squeeze",
        "transpose_and_permute",
        "matrix_transpose",
        "flatten_and_unflatten",
        "cat",
        "stack",
        "cat_or_stack",
        "unbind_split_and_chunk",
        "repeat_and_expand",
        "pad",
        "broadcasting",
        "flip_roll_and_rot90",
        "shapes_table",
        "exercises_in_shapes",
    ],
    "selecting": [
        "indexing_and_slicing",
        "advanced_indexing",
        "assigning_through_an_index",
        "boolean_masks",
        "index_select",
        "gather",
        "scatter",
        "where_and_masked_fill",
        "triu_and_tril",
        "sort_and_topk",
        "argmax_and_max",
        "unique",
        "nonzero_and_searchsorted",
        "one_hot",
        "selecting_table",
        "exercises_in_selecting",
    ],
    "computing": [
        "element_by_element",
        "reductions",
        "matmul",
        "einsum",
        "softmax",
        "log_softmax",
        "logsumexp",
        "linear_algebra",
        "norms_and_decompositions",
        "floating_point_surprises",
        "nan_and_infinity",
        "functional_modular_elementwise",
        "exercises_in_computing",
    ],
    "autograd": [
        "from_calculation_to_graph",
        "backward_needs_a_scalar",
        "hooks_on_tensors",
        "hooks_on_modules",
        "output_of_a_layer",
    ],
    "modules": [
        "nn_linear",
        "anatomy_of_nn_module",
        "activations",
        "vanishing_gradients",
        "dead_relus",
    ],
    "training": [
        "gradient_descent_four_times",
        "fitting_a_line",
        "the_training_loop",
        "evaluation",
        "dataset_and_dataloader",
        "custom_dataset",
        "dataloader_workers",
        "saving_and_loading",
        "resuming_training",
    ],
    "models": [
        "feed_forward_digits",
        "cnn_digits",
        "receptive_field",
        "digits_that_move",
        "transfer_learning",
        "frozen_batch_norm",
        "pretrained_weights",
    ],
    "tools": ["check_the_installation", "using_tensorboard", "tensorboard_mistakes"],
    "gpu": [
        "devices_and_moving_data",
        "timing_on_a_gpu",
        "pinned_memory",
        "why_not_everything_on_the_gpu",
        "one_model_on_several_processes",
        "data_for_several_processes",
        "mistakes_with_several_processes",
    ],
    "errors": [
        "mat1_and_mat2_shapes",
        "size_of_tensor_a",
        "must_have_the_same_dtype",
        "expected_all_tensors_to_be_on_the_same_device",
        "backward_through_the_graph_a_second_time",
        "leaf_variable_in_place",
        "modified_by_an_inplace_operation",
        "loading_state_dict",
        "dataloader_worker_process",
        "no_module_named_torch",
        "old_code",
        "loss_of_n_against_n_by_1",
    ],
}
device_chapters = ["gpu"]  # a recording of a GPU stands beside every output, also where it is the same
pages_preload = ["torch", "torch.testing", "matplotlib.pyplot"]
pages_time_limit = 600  # seconds; a busy machine takes many times as long as an idle one
pages_old_form = "old_form.txt"
pages_moved = {}  # of each page that has another address now: the old one and the new one, as "guide/shapes/stack"
# treescope looks at every name of NumPy, also at this one.
pages_ignored_warnings = ["ignore:The chararray class is deprecated:DeprecationWarning"]
sphinx_gallery_conf = {
    "examples_dirs": "../gallery",
    "gallery_dirs": "guide",
    "image_srcset": ["2x"],
    "backreferences_dir": "guide/backreferences",
    "doc_module": ("ptguide",),
}

# --- References ------------------------------------------------------------------------------------------------------
intersphinx_mapping = {
    "python": ("https://docs.python.org/3", (None, "inventories/python.inv")),
    "torch": ("https://docs.pytorch.org/docs/stable", (None, "inventories/torch.inv")),
    "torchvision": ("https://docs.pytorch.org/vision/stable", (None, "inventories/torchvision.inv")),
    "numpy": ("https://numpy.org/doc/stable", (None, "inventories/numpy.inv")),
}
intersphinx_timeout = 5
toc_object_entries_show_parents = "hide"  # the module is the page's title
autosummary_generate = False  # it would import torch in every build
autodoc_typehints = "none"  # shapes stand in the docstring, types in the signature
numpydoc_show_class_members = False

# --- Looks -----------------------------------------------------------------------------------------------------------
html_theme = "pydata_sphinx_theme"
html_math_renderer = "mathml"
html_static_path = ["_static"]
templates_path = ["_templates"]
html_css_files = ["ptguide.css"]
html_js_files = [("form.js", {"defer": "defer"})]
html_use_index = False  # the search finds more
html_additional_pages = {"search": "search.html"}
search_other_names = "other_names.toml"
html_domain_indices = False
html_copy_source = False
html_show_sourcelink = False
html_title = "ptguide"
html_favicon = "_static/favicon.svg"
html_context = {"default_mode": "auto"}
# Nothing stands below these to navigate to.
html_sidebars = {name: [] for name in ("index", "learning_paths", "install", "glossary", "checks", "changelog")}
html_theme_options = {
    "show_prev_next": True,
    "header_links_before_dropdown": 4,
    "show_toc_level": 3,  # an entry that comes and goes while one scrolls loses the focus
    "navigation_with_keys": False,
    "icon_links": [{"name": "Source", "url": repository_url, "icon": "fa-brands fa-github"}],
    "article_footer_items": ["run-this-page", "provenance"],
    "secondary_sidebar_items": ["page-toc"],
    "primary_sidebar_end": [],
    "footer_start": ["copyright"],
    "footer_end": ["footer-note"],
}
