"""Code that fails, with the pages that explain it: `test_search.py` runs each and pastes its traceback."""

FAILING = [
    (
        """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(784, 10)
    def forward(self, x):
        return self.fc(x.flatten(1))
net = Net()
out = net(torch.rand(4, 3, 28, 28))
""",
        ["errors/mat1_and_mat2_shapes"],
    ),
    ("a = torch.rand(2, 3); b = torch.rand(4, 5); a @ b", ["errors/mat1_and_mat2_shapes"]),
    (
        "nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(9, 2))(torch.rand(2, 1, 8, 8))",
        ["errors/mat1_and_mat2_shapes"],
    ),
    ("torch.rand(3).mv(torch.rand(4))", ["errors/mat1_and_mat2_shapes", "computing/matmul"]),
    ("torch.bmm(torch.rand(2, 3, 4), torch.rand(2, 5, 6))", ["errors/mat1_and_mat2_shapes"]),
    ("torch.dot(torch.rand(3), torch.rand(4))", ["errors/mat1_and_mat2_shapes"]),
    ("torch.rand(4, 3) + torch.rand(4, 2)", ["errors/size_of_tensor_a", "shapes/broadcasting"]),
    (
        "image = torch.rand(28, 28, 3); mean = torch.rand(28, 1, 4); image - mean",
        ["errors/size_of_tensor_a", "shapes/broadcasting"],
    ),
    (
        "x = torch.zeros(3, 4); x[0] = torch.ones(5)",
        ["errors/size_of_tensor_a", "selecting/assigning_through_an_index"],
    ),
    ("torch.rand(3, 1).expand(4, 2)", ["errors/size_of_tensor_a", "shapes/repeat_and_expand"]),
    (
        "x = torch.rand(3); x += torch.rand(2, 3)",
        ["errors/size_of_tensor_a", "shapes/broadcasting", "tensors/in_place_or_new"],
    ),
    (
        "torch.rand(4, 6).t().view(-1)",
        ["errors/view_size_is_not_compatible", "shapes/reshape_and_view", "shapes/transpose_and_permute"],
    ),
    ("torch.rand(16).view(3, 5)", ["errors/shape_is_invalid_for_input_of_size", "shapes/reshape_and_view"]),
    ("torch.rand(10).reshape(-1, 4)", ["errors/shape_is_invalid_for_input_of_size", "shapes/reshape_and_view"]),
    (
        "torch.cat([torch.rand(2, 3), torch.rand(3, 2)], dim=1)",
        ["errors/sizes_of_tensors_must_match", "shapes/cat", "shapes/cat_or_stack"],
    ),
    (
        "torch.stack([torch.rand(3), torch.rand(4)])",
        ["shapes/stack", "shapes/cat_or_stack", "errors/dataloader_worker_process"],
    ),
    ("torch.rand(2, 3).permute(0, 2, 1)", ["shapes/transpose_and_permute"]),
    (
        "torch.rand(2, 3).sum(dim=2)",
        ["errors/dimension_out_of_range", "computing/reductions", "computing/softmax", "shapes/unsqueeze_and_squeeze"],
    ),
    ("torch.rand(2, 3).split([2, 2], dim=1)", ["shapes/unbind_split_and_chunk"]),
    (
        "a, b = torch.rand(3, 2)",
        ["shapes/unbind_split_and_chunk", "tensors/tensor_to_python", "tensors/in_place_or_new"],
    ),
    ('torch.einsum("ij,jk->ik", torch.rand(2, 3), torch.rand(4, 5))', ["computing/einsum"]),
    ('F.pad(torch.rand(3, 3), (5, 5), mode="reflect")', ["shapes/pad"]),
    (
        "torch.rand(3)[5]",
        ["selecting/indexing_and_slicing", "selecting/gather", "selecting/index_select", "selecting/advanced_indexing"],
    ),
    ("torch.rand(3, 4)[0, 1, 2]", ["errors/too_many_indices", "selecting/indexing_and_slicing"]),
    (
        "torch.rand(3, 4)[torch.tensor([0, 5])]",
        ["selecting/advanced_indexing", "selecting/gather", "selecting/index_select"],
    ),
    ("torch.rand(3, 4)[torch.tensor([True, False])]", ["errors/too_many_indices", "selecting/boolean_masks"]),
    ("torch.gather(torch.rand(2, 3), 1, torch.tensor([[5]]))", ["selecting/gather"]),
    ("torch.gather(torch.rand(2, 3), 1, torch.tensor([[1.0]]))", ["selecting/gather"]),
    ("torch.zeros(2, 3).scatter_(1, torch.tensor([[0]]), torch.tensor([[1]]))", ["selecting/scatter"]),
    ("nn.Embedding(10, 3)(torch.tensor([10]))", ["selecting/index_select", "errors/index_out_of_range_in_self"]),
    (
        "torch.rand(3).index_select(0, torch.tensor([7]))",
        ["errors/index_out_of_range_in_self", "selecting/index_select"],
    ),
    ("F.one_hot(torch.tensor([0.0, 1.0]))", ["selecting/one_hot"]),
    ("F.one_hot(torch.tensor([0, 4]), num_classes=3)", ["selecting/one_hot"]),
    ("torch.rand(5).topk(9)", ["selecting/sort_and_topk"]),
    (
        "torch.rand(3)[::-1]",
        [
            "selecting/indexing_and_slicing",
            "shapes/flip_roll_and_rot90",
            "tensors/strides_and_storage",
            "tensors/numpy_and_back",
        ],
    ),
    ("torch.rand(2, 3) @ torch.rand(3, 4, dtype=torch.float64)", ["errors/must_have_the_same_dtype", "tensors/dtypes"]),
    ("nn.Linear(3, 2)(torch.from_numpy(np.ones((4, 3))))", ["errors/must_have_the_same_dtype"]),
    ("F.cross_entropy(torch.rand(4, 3), torch.tensor([0.0, 1.0, 2.0, 0.0]))", ["errors/must_have_the_same_dtype"]),
    ("F.binary_cross_entropy(torch.rand(4), torch.tensor([0, 1, 1, 0]))", ["errors/must_have_the_same_dtype"]),
    ("torch.arange(4).mean()", ["computing/reductions"]),
    ("x = torch.arange(3); x += 0.5", ["tensors/in_place_or_new", "computing/element_by_element", "tensors/dtypes"]),
    (
        "torch.arange(3, requires_grad=True)",
        [
            "errors/only_floating_point_can_require_gradients",
            "errors/must_have_the_same_dtype",
            "tensors/dtypes",
            "autograd/from_calculation_to_graph",
            "autograd/backward_needs_a_scalar",
        ],
    ),
    (
        "if torch.rand(3) > 0.5: pass",
        ["tensors/tensor_to_python", "computing/element_by_element", "selecting/boolean_masks"],
    ),
    ("torch.rand(3).item()", ["errors/only_one_element_tensors", "tensors/tensor_to_python"]),
    ("torch.tensor([[1, 2], [3]])", ["errors/numpy_object_", "tensors/tensor_from_data"]),
    ('torch.tensor(["a", "b"])', ["errors/numpy_object_", "tensors/tensor_from_data"]),
    (
        'torch.from_numpy(np.array([1, "a"], dtype=object))',
        ["errors/numpy_object_", "tensors/numpy_and_back", "tensors/tensor_from_data"],
    ),
    (
        "torch.rand(3, requires_grad=True).numpy()",
        ["errors/cant_call_numpy_on_tensor_that_requires_grad", "tensors/numpy_and_back", "errors/old_code"],
    ),
    ("torch.rand(2, 3).size.numel()", ["tensors/attributes"]),
    ("torch.rand(2).shape()", ["tensors/attributes"]),
    (
        """
x = torch.rand(3, requires_grad=True)
loss = (x ** 2).sum()
loss.backward()
loss.backward()
""",
        ["errors/backward_through_the_graph_a_second_time"],
    ),
    (
        """
w = torch.rand(3, requires_grad=True)
w -= 0.1
""",
        ["errors/leaf_variable_in_place"],
    ),
    ("w = torch.rand(3, requires_grad=True); w[0] = 1", ["errors/leaf_variable_in_place"]),
    (
        """
x = torch.rand(3, requires_grad=True)
y = x.exp()
y += 1
y.sum().backward()
""",
        ["errors/modified_by_an_inplace_operation"],
    ),
    ("x = torch.rand(3, requires_grad=True); (x * 2).backward()", ["autograd/backward_needs_a_scalar"]),
    (
        "torch.rand(3).sum().backward()",
        [
            "autograd/from_calculation_to_graph",
            "autograd/backward_needs_a_scalar",
            "errors/leaf_variable_in_place",
            "errors/element_0_does_not_require_grad",
            "training/the_training_loop",
        ],
    ),
    (
        "nn.Linear(2, 1)(torch.rand(3, 2)).sum().item().backward()",
        [
            "tensors/tensor_to_python",
            "autograd/from_calculation_to_graph",
            "autograd/backward_needs_a_scalar",
            "errors/object_has_no_attribute",
        ],
    ),
    ("nn.Linear(2, 3).load_state_dict(nn.Linear(4, 3).state_dict())", ["errors/loading_state_dict"]),
    ('nn.Linear(2, 3).load_state_dict({"w": torch.rand(3, 2)})', ["errors/loading_state_dict"]),
    ("nn.Linear(2, 3).load_state_dict(nn.Linear(2, 3).state_dict)", ["errors/loading_state_dict"]),
    ("nn.Linear(2, 3).load_state_dict(nn.Linear(2, 3))", ["errors/loading_state_dict"]),
    (
        """
class Net(nn.Module):
    def __init__(self):
        self.fc = nn.Linear(2, 2)
Net()
""",
        ["errors/cannot_assign_module_before_init", "modules/anatomy_of_nn_module"],
    ),
    (
        "nn.BatchNorm1d(3)(torch.rand(1, 3))",
        ["errors/expected_more_than_1_value_per_channel", "models/frozen_batch_norm", "training/evaluation"],
    ),
    (
        "torch.optim.SGD([], lr=0.1)",
        [
            "errors/optimizer_got_an_empty_parameter_list",
            "training/the_training_loop",
            "modules/anatomy_of_nn_module",
            "training/gradient_descent_four_times",
        ],
    ),
    (
        """
from torch.utils.data import DataLoader
next(iter(DataLoader([torch.rand(3), torch.rand(4)], batch_size=2)))
""",
        ["errors/dataloader_worker_process", "training/custom_dataset", "shapes/stack"],
    ),
    (
        """
from torch.utils.data import DataLoader
iter(DataLoader([1, 2])).next()
""",
        ["errors/old_code"],
    ),
    (
        """
from torch.utils.data import DataLoader
next(iter(DataLoader([{"a": object()}])))
""",
        ["errors/batch_must_contain_tensors", "training/custom_dataset", "errors/dataloader_worker_process"],
    ),
    (
        """
class Data(torch.utils.data.Dataset):
    def __len__(self):
        return 3
Data()[0]
""",
        ["errors/num_samples_should_be_positive", "training/custom_dataset", "training/dataset_and_dataloader"],
    ),
    ("torch.optim.lr_scheduler.StepLR(torch.optim.SGD([torch.rand(2)], lr=1), 1, verbose=True)", ["errors/old_code"]),
    ("torch.rand(1).sum().data[0]", ["errors/old_code"]),
    ("import torch.no_such_part", ["errors/no_module_named_torch"]),
    (
        'torch.zeros(2, device="cuda")',
        ["errors/torch_not_compiled_with_cuda_enabled", "gpu/devices_and_moving_data", "tools/check_the_installation"],
    ),
    (
        'torch.rand(2, device="meta") + torch.rand(2)',
        ["errors/expected_all_tensors_to_be_on_the_same_device", "gpu/devices_and_moving_data"],
    ),
    (
        'torch.rand(2, device="meta").numpy()',
        [
            "errors/expected_all_tensors_to_be_on_the_same_device",
            "tensors/numpy_and_back",
            "gpu/devices_and_moving_data",
        ],
    ),
]
