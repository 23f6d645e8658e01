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
        "channels_last",
        "numpy_and_back",
        "pandas_and_back",
        "in_place_or_new",
        "tensor_to_python",
        "randomness_and_seeds",
        "saving_tensors",
        "printing_tensors",
        "complex_numbers",
        "sparse_tensors",
        "exercises_in_tensors",
    ],
    "shapes": [
        "reshape_and_view",
        "unsqueeze_and_squeeze",
        "transpose_and_permute",
        "matrix_transpose",
        "flatten_and_unflatten",
        "attention_heads",
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
        "masked_softmax",
        "temperature",
        "log_softmax",
        "logsumexp",
        "linear_algebra",
        "norms",
        "decompositions",
        "floating_point_surprises",
        "nan_and_infinity",
        "functional_modular_elementwise",
        "exercises_in_computing",
    ],
    "autograd": [
        "from_calculation_to_graph",
        "requires_grad_and_leaves",
        "backward_needs_a_scalar",
        "gradients_add_up",
        "detach_or_no_grad",
        "in_place_and_versions",
        "hooks_on_tensors",
        "hooks_on_modules",
        "output_of_a_layer",
        "autograd_function",
        "autograd_from_scratch",
        "checkpointing",
        "where_a_nan_is_born",
    ],
    "modules": [
        "nn_linear",
        "parameters_and_buffers",
        "anatomy_of_nn_module",
        "sequential_or_module_list",
        "loading_a_state_dict",
        "counting_parameters",
        "activations",
        "vanishing_gradients",
        "dead_relus",
        "dropout_train_and_eval",
        "initialisation",
        "skip_connections",
        "batch_norm",
        "layer_norm",
        "conv2d",
        "pooling",
        "embedding",
        "recurrent_networks",
        "lstm_and_gru",
        "padding_and_packing",
        "attention",
        "multihead_attention",
        "transformer_block",
    ],
    "training": [
        "gradient_descent_four_times",
        "fitting_a_line",
        "the_training_loop",
        "evaluation",
        "which_loss",
        "cross_entropy",
        "bce_with_logits",
        "regression_losses",
        "kl_divergence",
        "contrastive_losses",
        "a_loss_of_your_own",
        "dataset_and_dataloader",
        "custom_dataset",
        "dataloader_workers",
        "splitting_data",
        "unbalanced_classes",
        "samplers_and_collate",
        "iterable_datasets",
        "transforms",
        "augmentation",
        "making_the_input_fast",
        "saving_and_loading",
        "resuming_training",
        "optimizers",
        "choosing_a_learning_rate",
        "learning_rate_schedules",
        "weight_decay",
        "parameter_groups",
        "gradient_clipping",
        "gradient_accumulation",
        "mixed_precision",
        "reproducible_training",
        "averaging_weights",
        "the_loss_does_not_fall",
        "the_loss_is_nan",
        "reading_loss_curves",
        "overfitting",
        "early_stopping",
        "a_small_hyperparameter_search",
    ],
    "models": [
        "feed_forward_digits",
        "cnn_digits",
        "receptive_field",
        "digits_that_move",
        "resnet_taken_apart",
        "transfer_learning",
        "replacing_the_head",
        "frozen_batch_norm",
        "pretrained_weights",
        "autoencoder",
        "vae",
        "text_classifier",
        "small_gpt",
        "mixed_table",
    ],
    "tools": [
        "check_the_installation",
        "using_tensorboard",
        "tensorboard_mistakes",
        "trace_an_operation",
        "summarize_a_tensor",
        "debugging_shapes",
        "torch_compile",
        "the_profiler",
        "exporting_a_model",
        "packages_around_torch",
    ],
    "gpu": [
        "why_gpus_and_the_stack",
        "devices_and_moving_data",
        "timing_on_a_gpu",
        "pinned_memory",
        "why_not_everything_on_the_gpu",
        "tensor_cores_and_tf32",
        "one_model_on_several_processes",
        "data_for_several_processes",
        "data_parallel_or_ddp",
        "mistakes_with_several_processes",
    ],
    "errors": [
        "mat1_and_mat2_shapes",
        "size_of_tensor_a",
        "sizes_of_tensors_must_match",
        "shape_is_invalid_for_input_of_size",
        "view_size_is_not_compatible",
        "dimension_out_of_range",
        "too_many_indices",
        "index_out_of_range_in_self",
        "expected_input_to_have_channels",
        "kernel_size_cant_be_greater",
        "must_have_the_same_dtype",
        "input_type_and_weight_type",
        "not_implemented_for_long",
        "could_not_run_with_arguments_from_the_backend",
        "numpy_object_",
        "only_one_element_tensors",
        "expected_all_tensors_to_be_on_the_same_device",
        "lengths_should_be_on_the_cpu",
        "torch_not_compiled_with_cuda_enabled",
        "deserialize_object_on_a_cuda_device",
        "device_side_assert_triggered",
        "cuda_out_of_memory",
        "cannot_re_initialize_cuda",
        "illegal_memory_access",
        "cudnn_status_not_initialized",
        "cuda_capability_is_not_compatible",
        "cuda_initialization",
        "the_detected_cuda_version_mismatches",
        "undefined_symbol",
        "backward_through_the_graph_a_second_time",
        "element_0_does_not_require_grad",
        "cant_call_numpy_on_tensor_that_requires_grad",
        "only_floating_point_can_require_gradients",
        "grad_is_none",
        "none_of_the_inputs_have_requires_grad",
        "leaf_variable_in_place",
        "modified_by_an_inplace_operation",
        "returned_an_incorrect_number_of_gradients",
        "cannot_assign_module_before_init",
        "missing_the_required_forward",
        "object_has_no_attribute",
        "argument_input_must_be_tensor",
        "expected_more_than_1_value_per_channel",
        "cannot_assign_as_parameter",
        "loading_state_dict",
        "target_out_of_bounds",
        "input_batch_size_to_match_target",
        "floating_point_type_for_target",
        "elements_between_0_and_1",
        "target_size_must_be_the_same",
        "dataloader_worker_process",
        "dataloader_worker_is_killed",
        "batch_must_contain_tensors",
        "num_samples_should_be_positive",
        "pic_should_be_pil_image",
        "bootstrapping_phase",
        "no_module_named_torch",
        "operator_torchvision_nms_does_not_exist",
        "old_code",
        "weights_only_load_failed",
        "cant_get_attribute_on_main",
        "pytorchstreamreader_failed",
        "optimizer_got_an_empty_parameter_list",
        "lr_scheduler_before_optimizer_step",
        "initial_lr_is_not_specified",
        "parameter_group_that_doesnt_match",
        "unscale_has_already_been_called",
        "module_must_have_its_parameters_on_device",
        "default_process_group_has_not_been_initialized",
        "expected_to_have_finished_reduction",
        "child_failed_error",
        "duplicate_gpu_detected",
        "graph_break_under_fullgraph",
        "recompile_limit",
        "guard_on_data_dependent",
        "backend_compiler_failed",
        "tracer_warning",
        "exporting_the_operator",
        "loss_of_n_against_n_by_1",
        "zero_grad_is_missing",
        "softmax_before_cross_entropy",
        "model_eval_is_missing",
        "parameters_that_are_not_trained",
        "a_loss_without_its_graph",
        "the_schedule_is_stepped_too_often",
        "labels_that_do_not_fit_the_inputs",
        "inputs_that_are_not_scaled",
        "reshape_instead_of_permute",
        "batch_first_is_missing",
        "softmax_over_the_wrong_axis",
        "averages_of_unequal_batches",
        "test_samples_in_the_training",
        "the_best_weights_were_not_kept",
        "the_classes_come_one_after_the_other",
    ],
}
device_chapters = ["gpu"]  # a recording of a GPU stands beside every output, also where it is the same
# Of what pages import, what takes seconds: a page has it at once. An optimizer, and torchvision, ask for torch._dynamo;
# not torchvision itself: a page shows what it says beside a torch that does not fit.
pages_preload = ["torch", "torch.testing", "torch._dynamo", "matplotlib.pyplot", "sklearn.datasets"]
pages_time_limit = 600  # seconds; a busy machine takes many times as long as an idle one
pages_keep_form = True
pages_moved = {  # of each page that has another address now: the old one and the new one, as "guide/shapes/stack"
    "guide/tensors/saving_and_printing_tensors": "guide/tensors/saving_tensors",
    "guide/tensors/named_complex_and_sparse": "guide/tensors/complex_numbers",
    "guide/computing/norms_and_decompositions": "guide/computing/decompositions",
}
pages_ignored_warnings = [
    "ignore:The chararray class is deprecated:DeprecationWarning",  # treescope looks at every name of NumPy
    "ignore:Guards may run slower on Python 3.13.0:RuntimeWarning",  # torch.compile advises 3.13.1
]
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
