"""The pages of the guide: the address of one, and the page on a message."""

from __future__ import annotations

import re

SITE = "https://ptguide.github.io/ptguide/"
# A message with a page of its own, whichever rule explains it; the others have the page of their rule.
OF_MESSAGE = {
    "view size is not compatible": "errors/view_size_is_not_compatible",
    "is invalid for input of size": "errors/shape_is_invalid_for_input_of_size",
    "Sizes of tensors must match except": "errors/sizes_of_tensors_must_match",
    "Dimension out of range": "errors/dimension_out_of_range",
    "too many indices|shape of the mask|tensors used as indices|indexing tensors could not": "errors/too_many_indices",
    "index out of range in self": "errors/index_out_of_range_in_self",
    r"expected input\[.*channels|\(unbatched\) or \dD \(batched\) input": "errors/expected_input_to_have_channels",
    "Kernel size can't be greater|Output size is too small": "errors/kernel_size_cant_be_greater",
    "Input type .* and (weight|bias) type": "errors/input_type_and_weight_type",
    "not implemented for '": "errors/not_implemented_for_long",
    "of type numpy.object_|too many dimensions 'str'|expected sequence of length": "errors/numpy_object_",
    "cannot be converted to Scalar|only one element tensors": "errors/only_one_element_tensors",
    "Torch not compiled with CUDA|NVIDIA driver|No CUDA GPUs": "errors/torch_not_compiled_with_cuda_enabled",
    r"Can't call numpy\(\) on Tensor that requires": "errors/cant_call_numpy_on_tensor_that_requires_grad",
    "floating point and complex dtype can require": "errors/only_floating_point_can_require_gradients",
    "before Module.__init__": "errors/cannot_assign_module_before_init",
    "Expected more than 1 value per channel": "errors/expected_more_than_1_value_per_channel",
    r"Target -?\d+ is out of bounds": "errors/target_out_of_bounds",
    "to match target batch_size": "errors/input_batch_size_to_match_target",
    "class probabilities|0D or 1D target|spatial targets": "errors/floating_point_type_for_target",
    "should be between 0 and 1": "errors/elements_between_0_and_1",
    r"Target size \(": "errors/target_size_must_be_the_same",
    "batch must contain tensors": "errors/batch_must_contain_tensors",
    "should implement __getitem__": "errors/num_samples_should_be_positive",
    "empty parameter list": "errors/optimizer_got_an_empty_parameter_list",
}


def address(page: str) -> str:
    """Return the address of a page, given as ``"shapes/cat"``."""
    return f"{SITE}guide/{page}.html"


def page_of(message: str, page: str) -> str:
    """Return the page on a message: its own if it has one, else that of the rule, which may be empty."""
    return next((own for words, own in OF_MESSAGE.items() if re.search(words, message)), page)
