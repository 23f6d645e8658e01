"""Points and pictures that are made up: their formulas, their boxes and masks, and the code that they are made for."""

import itertools
import math
import sys

import pytest
import torch
from torch.utils.data import DataLoader

from ptguide import data
from ptguide.data import collate_objects, moons, noisy_line, shapes, spirals

PARTS = ["train", "validation", "test"]
MADE = [spirals, moons, noisy_line, shapes]


def tensors_of(found):
    """Return all tensors of a set."""
    if isinstance(found, data.ShapesData):
        return [found.images, *itertools.chain(*(target.values() for target in found.targets))]
    return [found.inputs, found.targets]


def same(one, other):
    one, other = tensors_of(one), tensors_of(other)
    return len(one) == len(other) and all(map(torch.equal, one, other))


# All of them


@pytest.mark.parametrize("make", MADE)
def test_same_seed_gives_the_same_and_another_seed_something_else(make):
    torch.manual_seed(0)
    before = torch.get_rng_state()
    assert same(make(size=20), make(size=20, seed=0))
    assert not same(make(size=20), make(size=20, seed=1))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("make", MADE)
def test_parts_make_up_the_whole(make):
    whole, parts = make("all", size=30), [make(part, size=30) for part in PARTS]
    assert [len(part) for part in [whole, *parts]] == [30, 18, 6, 6]
    first = [tensors_of(part)[0].flatten(1).tolist() for part in [whole, *parts]]
    assert sorted(itertools.chain(*first[1:])) == sorted(first[0])


@pytest.mark.parametrize("make", MADE)
@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"split": "dev"}, ValueError, "split is 'dev'; expected one of 'train'"),
        ({"size": 4}, ValueError, "size is 4; expected at least .*, so that no split lacks a class"),
        ({"size": 20.0}, TypeError, r"size is 20.0; expected an integer"),
        ({"seed": True}, TypeError, "seed is True; expected an integer"),
        ({"seed": -1}, ValueError, "seed is -1; expected at least 0"),
    ],
)
def test_wrong_arguments_are_errors(make, arguments, error, message):
    with pytest.raises(error, match=message):
        make(**arguments)


@pytest.mark.parametrize("make", [spirals, moons, noisy_line])
@pytest.mark.parametrize("noise", [-0.1, math.nan])
def test_noise_is_a_standard_deviation(make, noise):
    with pytest.raises(ValueError, match=f"noise is {noise}; expected a standard deviation, 0 or more"):
        make(noise=noise)


# Points


@pytest.mark.parametrize("make", [spirals, moons])
def test_classes_have_fair_shares_and_come_in_turn(make):
    for part in PARTS:
        counts = make(part).targets.bincount()
        assert counts.max() == counts.min()
    labels = make("all", size=31).targets
    assert labels.tolist() == [place % len(make().classes) for place in range(31)]
    assert (labels.dtype, make().inputs.dtype) == (torch.int64, torch.float32)


def test_spirals_wind_around_the_origin():
    classes, turns = 4, 1.5
    found = spirals("all", size=101, classes=classes, turns=turns, noise=0)
    assert found.classes == ("0", "1", "2", "3")
    for place, (point, label) in enumerate(found):
        members = len(range(int(label), 101, classes))
        radius = (place // classes + 0.5) / members
        angle = 2 * math.pi * (turns * radius + int(label) / classes)
        wanted = [radius * math.cos(angle), radius * math.sin(angle)]
        assert point.tolist() == pytest.approx(wanted, abs=1e-5)


def test_noise_turns_spirals_and_leaves_the_radius():
    radii = [spirals("all", noise=noise).inputs.norm(dim=1) for noise in (0, 0.3)]
    torch.testing.assert_close(*radii)
    assert not torch.allclose(spirals(noise=0).inputs, spirals(noise=0.3).inputs, atol=0.1)


def test_number_of_spirals_is_checked():
    with pytest.raises(ValueError, match="classes is 0; expected at least 1"):
        spirals(classes=0)
    with pytest.raises(ValueError, match="size is 24; expected at least 25, so that no split lacks a class"):
        spirals(size=24, classes=5)


def test_moons_without_noise_are_those_of_scikit_learn():
    from sklearn.datasets import make_moons

    points, labels = make_moons(60, shuffle=False, noise=None)
    found = moons("all", size=60, noise=0)
    for label in (0, 1):
        wanted = torch.tensor(points[labels == label], dtype=torch.float32)
        torch.testing.assert_close(found.inputs[found.targets == label], wanted, rtol=0, atol=1e-6)


def test_noise_of_moons_has_the_deviation_asked_for():
    moved = moons("all", size=4000, noise=0.2).inputs - moons("all", size=4000, noise=0).inputs
    assert moved.std() == pytest.approx(0.2, rel=0.05)
    assert moved.mean() == pytest.approx(0, abs=0.02)


def test_line_can_be_found_again():
    found = noisy_line("all", size=4000)
    design = torch.cat([found.inputs, torch.ones(4000, 1)], dim=1)
    fitted = torch.linalg.lstsq(design, found.targets).solution.flatten()
    assert fitted.tolist() == pytest.approx([2.25, 1.25], abs=0.05)
    assert (found.targets - design @ fitted.unsqueeze(1)).std() == pytest.approx(0.5, rel=0.05)
    assert -2 <= found.inputs.min() < -1.9 < 1.9 < found.inputs.max() <= 2
    assert (found.inputs.shape, found.targets.shape, found.classes) == ((4000, 1), (4000, 1), None)


def test_line_without_noise_is_the_line():
    found = noisy_line(slope=-3.0, intercept=0.5, noise=0)
    assert torch.equal(found.targets, -3.0 * found.inputs + 0.5)
    assert len(found) == 60


# Shapes


def test_masks_fit_the_image_and_do_not_overlap():
    found = shapes(size=60, height=40, width=70, most=5)
    assert (found.images.shape, found.images.dtype) == ((36, 3, 40, 70), torch.float32)
    assert 0 <= found.images.min() < found.images.max() <= 1
    counts = set()
    for image, target in found:
        labels, masks = target["labels"], target["masks"]
        counts.add(len(labels))
        assert (labels.dtype, masks.dtype, masks.shape) == (torch.int64, torch.uint8, (len(labels), 40, 70))
        assert labels.min() >= 1
        assert labels.max() <= 3
        assert masks.sum(0).max() == 1
        assert masks.flatten(1).any(1).all()
        background = image[:, masks.sum(0) == 0]
        for mask in masks.bool():
            # An object is lighter than the background in every color, and as even.
            assert (image[:, mask].mean(1) > background.mean(1)).all()
            assert image[:, mask].std(1).max() < 0.06
        assert background.std(1).max() < 0.06
    assert counts <= {1, 2, 3, 4, 5}
    assert len(counts) > 3


def test_boxes_hold_what_is_seen_and_no_more():
    from torchvision.ops import masks_to_boxes

    for _, target in shapes(size=60):
        boxes = target["boxes"]
        assert boxes.dtype == torch.float32
        # torchvision's box ends at the last pixel, a box for its detection models behind it.
        assert torch.equal(boxes, masks_to_boxes(target["masks"]) + torch.tensor([0, 0, 1, 1]))
        assert (boxes[:, 2:] > boxes[:, :2]).all()


def test_shapes_are_what_their_labels_say():
    wanted = {"circle": math.pi / 4, "square": 1.0, "triangle": 0.5}  # of the area of the box
    found = shapes(size=200, most=1, height=96, width=80)
    for name, share in wanted.items():
        filled = []
        for _, target in found:
            x1, y1, x2, y2 = target["boxes"][0].tolist()
            if found.classes[target["labels"][0]] == name:
                filled.append(int(target["masks"].sum()) / ((x2 - x1) * (y2 - y1)))
                assert abs((x2 - x1) - (y2 - y1)) <= 2
        assert len(filled) > 20
        assert filled == pytest.approx([share] * len(filled), abs=0.08)


def test_half_of_each_object_is_seen_and_some_are_covered():
    covered = 0
    for _, target in shapes(size=200, most=6):
        for mask, label in zip(target["masks"], target["labels"], strict=True):
            x1, y1, x2, y2 = map(int, torch.tensor([*mask.nonzero().amin(0), *(mask.nonzero().amax(0) + 1)]))
            share = int(mask.sum()) / ((x2 - x1) * (y2 - y1))
            covered += share < 0.9 * (math.pi / 4, 1, 0.5)[int(label) - 1]
            assert int(mask.sum()) >= 0.5 * 0.5 * (2 * 0.12 * 64 - 2) ** 2  # half of the smallest triangle
    assert covered > 10


def test_each_split_has_its_share_of_each_class():
    for part in PARTS:
        labels = torch.cat([target["labels"] for target in shapes(part).targets])
        assert (labels.bincount(minlength=4)[1:] / len(labels)).tolist() == pytest.approx([1 / 3] * 3, abs=0.08)


def test_an_image_is_the_same_whatever_the_size():
    few, many = shapes("all", size=7), shapes("all", size=12)
    assert torch.equal(few.images, many.images[:7])
    assert all(torch.equal(few[k][1]["masks"], many[k][1]["masks"]) for k in range(7))


def test_several_positions_give_lists_as_collate_objects_does():
    found = shapes(size=20)
    for index in ([2, 0, 2], slice(1, 3), torch.tensor([4]), torch.arange(12) > 9, []):
        places = torch.arange(12)[index].tolist()
        images, targets = found[index]
        wanted = collate_objects([found[place] for place in places])
        assert (len(images), len(targets)) == (len(places), len(places))
        assert all(map(torch.equal, images, wanted[0]))
        assert all(torch.equal(a["masks"], b["masks"]) for a, b in zip(targets, wanted[1], strict=True))
    assert torch.equal(found[-1][0], found.images[11])
    with pytest.raises(IndexError):
        found[12]
    with pytest.raises(TypeError, match="the index is the tuple"):
        found[0, 1]


def test_default_collate_fails_and_collate_objects_does_not():
    found = shapes(size=20)
    with pytest.raises(RuntimeError, match="stack expects each tensor to be equal size"):
        list(DataLoader(found, batch_size=12))
    loader = DataLoader(found, batch_size=5, collate_fn=collate_objects)
    assert [len(images) for images, _ in loader] == [5, 5, 2]
    with pytest.raises(TypeError, match="for ShapesData with collate_fn=collate_objects"):
        data.batches(found)


def test_changing_a_target_s_dict_leaves_the_data_alone():
    found = shapes(size=5)
    found[0][1]["labels"] = None
    assert found[0][1]["labels"] is not None


def test_segmentation_gives_the_class_of_each_pixel():
    found = shapes(size=20)
    maps = found.segmentation()
    assert (maps.targets.shape, maps.targets.dtype, maps.classes) == ((12, 64, 96), torch.int64, found.classes)
    for place in range(12):
        masks, labels = found[place][1]["masks"].long(), found[place][1]["labels"]
        wanted = torch.zeros(64, 96, dtype=torch.int64)
        for mask, label in zip(masks, labels, strict=True):
            wanted += mask * label
        assert torch.equal(maps[place][1], wanted)
    assert [tuple(batch[1].shape) for batch in data.batches(maps, 8)] == [(8, 64, 96), (4, 64, 96)]


def test_transforms_change_boxes_and_masks_along_with_the_image():
    from torchvision.transforms import v2

    plain, wrapped = shapes(size=10), shapes(size=10, tv_tensors=True)
    for place in range(6):
        image, target = v2.RandomHorizontalFlip(p=1)(*wrapped[place])
        assert torch.equal(image.as_subclass(torch.Tensor), plain[place][0].flip(-1))
        assert torch.equal(target["masks"].as_subclass(torch.Tensor), plain[place][1]["masks"].flip(-1))
        x1, y1, x2, y2 = plain[place][1]["boxes"].unbind(1)
        assert torch.equal(target["boxes"].as_subclass(torch.Tensor), torch.stack([96 - x2, y1, 96 - x1, y2], 1))
        assert torch.equal(target["labels"], plain[place][1]["labels"])


def test_torchvision_s_detection_model_takes_them():
    from torchvision.models.detection import MaskRCNN
    from torchvision.models.detection.rpn import AnchorGenerator
    from torchvision.ops import MultiScaleRoIAlign

    torch.manual_seed(0)
    backbone = torch.nn.Conv2d(3, 8, 4, stride=4)  # as small as it goes: the heads are what reads the targets
    backbone.out_channels = 8
    anchors = AnchorGenerator(sizes=((8, 16, 32),), aspect_ratios=((1.0,),))
    pools = {f"{kind}_roi_pool": MultiScaleRoIAlign(["0"], size, 2) for kind, size in [("box", 7), ("mask", 14)]}
    model = MaskRCNN(backbone, num_classes=4, min_size=64, max_size=96, rpn_anchor_generator=anchors, **pools).train()
    losses = model(*shapes(size=5)[[0, 2]])
    assert {"loss_classifier", "loss_box_reg", "loss_mask"} < set(losses)
    assert all(loss.isfinite() for loss in losses.values())


def test_repr_of_shapes_counts_the_objects():
    found = shapes(size=10)
    objects = sum(len(target["labels"]) for _, target in found)
    assert repr(found).splitlines() == [
        "ShapesData of 6 examples",
        "  images   (6, 3, 64, 96) float32, 0 to 1",
        f"  targets  {objects} objects: boxes (xyxy), labels, masks",
        "  classes  4: background, circle, square, triangle",
        "  source   computed: shapes",
    ]


@pytest.mark.parametrize("name", ["height", "width"])
def test_images_that_are_too_small_are_an_error(name):
    with pytest.raises(ValueError, match=f"{name} is 19; expected at least 20"):
        shapes(**{name: 19})


def test_no_objects_are_an_error():
    with pytest.raises(ValueError, match="most is 0; expected at least 1"):
        shapes(most=0)


def test_missing_torchvision_is_an_error_only_where_it_is_needed(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    monkeypatch.delitem(sys.modules, "torchvision.tv_tensors", raising=False)
    assert len(shapes(size=5)) == 3
    with pytest.raises(ModuleNotFoundError, match="shapes with tv_tensors=True needs torchvision, which is not inst"):
        shapes(size=5, tv_tensors=True)
