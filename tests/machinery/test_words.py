"""What a cell shows is told in words that change when it does, and that noise does not change."""

import copy
import doctest
import importlib
import math

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from pipeline.outputs.compare import same
from pipeline.running.words import figure, html, numbers, png, svg
from ptguide.exercises import check
from ptguide.pictures import Choice, draw, draw_graph, draw_network, draw_storage
from ptguide.questions import ask


@pytest.mark.parametrize("name", ["numbers", "svg", "html"])
def test_examples_of_the_docstrings(name):
    found = doctest.testmod(importlib.import_module(f"pipeline.running.words.{name}"))
    assert found.attempted
    assert found.failed == 0


def test_words_of_html():
    text = '<style>p{}</style><script>1 &lt; 2</script><p>a &lt; <a href="x.html">b</a></p><ul><li>c<li>d</ul>e'
    assert html.words(text) == ["a < <x.html> b", "c", "d", "e"]
    assert html.words('<table><tr><th>n<td>1<td><td>3<tr><td>m</table><img alt="a cat">') == [
        "n | 1 | | 3",
        "m",
        "(image: a cat)",
    ]
    assert html.words("<div></div>") == [html.NOTHING]


def test_question_is_told_with_its_verdicts():
    asked = ask("Is 3 < 4?", answer=True, choices={True: "It is less.", False: "It is not more."})
    assert html.words(asked._repr_html_()) == [
        "Is 3 < 4?",
        "True",
        "✓ Right. It is less.",
        "False",
        "✗ No. It is not more.",
    ]


def told(picture):
    return html.words(picture._repr_html_(), picture.description)


A, B = torch.arange(6).reshape(2, 3), torch.arange(20, 26).reshape(2, 3)


def test_picture_of_an_operation_is_told_with_values_marks_colors_frames_and_links():
    lines = [line for line in told(draw(torch.stack, [A, B], dim=1)) if not line.startswith("sentences: ")]
    assert lines == [
        *("a (2, 3)", "0 1 2", "0 0 1 2", "1 3 4 5", "colors: 0 ×6"),
        *("b (2, 3)", "0 1 2", "0 20 21 22", "1 23 24 25", "colors: 1 ×6", "framed: 1#5 of"),
        *("torch.stack([a, b], dim=1)", "lines: 1"),
        *("out (2, 2, 3)", "[0]", "0 1 2", "0 0:a 1:a 2:a", "1 20:b 21:b 22:b"),
        *("[1]", "0 1 2", "0 3:a 4:a 5:a", "1 23:b 24:b 25:b", "colors: 0 ×3, 1 ×3, 0 ×3, 1 ×3", "framed: 2#11 on"),
        "as: 2#0-2 each of 0#0 to 0#2; 2#3-5 each of 1#0 to 1#2; 2#6-8 each of 0#3 to 0#5; 2#9-11 each of 1#3 to 1#5",
        "out[1, 1, 2] = 25, copied from b[1, 2].",
    ]


def test_links_of_several_elements_and_of_every_kind_are_told():
    assert "of: 1#0-2 all of 0#0-2; 1#3-5 all of 0#3-5" in told(draw(torch.softmax, A + 0.5, dim=1))
    assert "as: 1#0-2 each of 0#2 to 0#0 by -1; 1#3-5 each of 0#5 to 0#3 by -1" in told(draw(torch.flip, A, dims=[1]))
    picked = told(draw(torch.index_select, (A, 1, torch.tensor([2]))))
    assert [line for line in picked if line.startswith(("as: ", "by: "))] == [
        "as: 2#0-1 each of 0#2 to 0#5 by 3",
        "by: 2#0-1 all of 1#0",
    ]
    stored = told(draw_storage([A, A.T], ["x", "x.T"]))
    assert "strides (1, 3), offset 0" in stored
    assert "0 1 2 3 4 5" in stored  # the storage


def test_long_list_of_links_ends_with_a_digest():
    x, y = torch.rand(9, 2), torch.rand(2, 9)
    (line,) = [line for line in told(draw(torch.matmul, (x, y))) if line.startswith("of: ")]
    assert line.count(";") == svg.MOST
    assert "; and 41 more, " in line
    assert not any(letter.isdigit() for letter in line.rpartition(", ")[2])  # 12e4 would be read as a number


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("6-8=0.3+1", "6-8=0.2+1"),  # an element is of another
        ("6-8=0.3+1", "6-8=0.3+2"),
        ("6-8=0.3+1", "6-7=0.3+1"),
        ("data-as=", "data-of="),
        ('class="ptg-1"', 'class="ptg-2"'),
        ('class="ptg-cells ptg-1"', 'class="ptg-cells ptg-2"'),
        ('class="ptg-on"', ""),
        (">24<", ">42<"),
        (">aaabbb</text>", ">aaabba</text>"),  # a letter in a corner
        ("out (2, 2, 3)", "out (2, 3, 2)"),
        ('ptg-edge" d="M', 'ptg-edge" d="M0 0h1M'),
    ],
)
def test_each_change_of_a_picture_changes_its_words(old, new):
    picture = draw(torch.stack, [A, B], dim=1)
    shown = picture._repr_html_()
    assert old in shown
    changed = html.words(shown.replace(old, new, 1), picture.description)
    assert not same("\n".join(told(picture)), "\n".join(changed))


def test_each_change_of_a_sentence_changes_its_words():
    shown = draw_storage([A, A.T])._repr_html_()
    assert html.words(shown) != html.words(shown.replace("lies at storage[5]", "lies at storage[4]"))


def test_picture_with_a_choice_is_told_with_every_variant():
    picture = draw(torch.sum, A, dim=Choice(0, 1))
    lines = told(picture)
    assert lines[:2] == ["dim 0 1", "x (2, 3)"]
    assert [line for line in lines if line.startswith(("torch.sum", "out", "of: ", "framed: "))] == [
        "framed: 0#1 of, 0#4 of",
        "torch.sum(x, dim=0)",
        "out (3,)",
        "framed: 1#1 on",
        "of: 1#0 of 0#0 0#3; 1#1 of 0#1 0#4; 1#2 of 0#2 0#5",
        "out[1] = 5, computed from x[:, 1].",
        "torch.sum(x, dim=1)",
        "out (2,)",
        "framed: 2#1 on",
        "of: 2#0 of 0#0-2; 2#1 of 0#3-5",
        "out[1] = 12, computed from x[1, :].",
    ]


@pytest.mark.parametrize("variant", [0, 1])
@pytest.mark.parametrize("what", ["value", "link", "sentence", "call"])
def test_each_change_of_one_variant_changes_the_words(variant, what):
    picture = draw(torch.sum, A, dim=Choice(0, 1))
    changes = {
        "value": [(">7</text>", ">8</text>"), (">12</text>", ">13</text>")],
        "link": [("0-2=0.0,3+1", "0-2=0.0,4+1"), ("0-1=0.0-2+3", "0-1=0.0-2+2")],
        "sentence": [("from x[:, 1].", "from x[:, 2]."), ("from x[1, :].", "from x[0, :].")],
        "call": [("torch.sum(x, dim=0)<", "torch.sum(x, dim=2)<"), ("torch.sum(x, dim=1)<", "torch.sum(x)<")],
    }
    old, new = changes[what][variant]
    shown = picture._repr_html_()
    assert old in shown
    changed = html.words(shown.replace(old, new, 1), picture.description)
    assert not same("\n".join(told(picture)), "\n".join(changed))


def test_picture_tells_its_label_where_it_is_not_known():
    picture = draw(A, "x")
    assert html.words(picture._repr_html_())[0] == f"picture: {picture.description}"


def test_report_graph_and_table_are_told():
    report = check(lambda x: x + 1, lambda x: x * 2, [(torch.tensor([1]),), (torch.tensor([2, 3]),)])
    lines = html.words(report._repr_html_(), report.picture.description)
    assert lines[0] == "✗ Case 2 of 2 is wrong: expected the values of the last tensor."
    assert "3:≠ 4:≠" in lines
    x = torch.tensor(3.0, requires_grad=True)
    graph = told(draw_graph(x * x + x, {"x": x}))
    assert "MulBackward0" in graph
    assert "lines: 9" in graph
    table = html.words(draw_network(torch.nn.Linear(3, 4), torch.zeros(5, 3))._repr_html_())
    assert "(whole network) | Linear | (5, 3) | (5, 4) | 16 | 64 B | 80 B" in table


def test_image_is_told_by_the_colors_of_its_tiles():
    image = torch.zeros(3, 8, 8)
    image[0, :2, :2] = 1.0
    (line,) = [line for line in told(draw(image, image=True)) if line.startswith("image: ")]
    assert line.startswith("image: 8 x 8, red, green and blue of each tile ⟨255.0 255.0 0.0 0.0 0.0 0.0")
    (gray,) = [line for line in told(draw(image[0], image=True)) if line.startswith("image: ")]
    assert gray.startswith("image: 8 x 8, gray of each tile ⟨255.0 255.0 0.0 0.0 0.0 ")
    assert png.words("picture.webp").startswith("another format, ")


def plotted(change=lambda axes, x: None, noise=0.0):
    """Return the words of a figure with an artist of each kind."""
    generator = np.random.default_rng(0)
    x = np.linspace(0, 6, 100)
    y = np.sin(x) * (1 + noise * generator.standard_normal(100))
    made, axes = plt.subplots(2, 3)
    axes = axes.ravel()
    axes[0].plot(x, y, label="sine")
    axes[0].set(title="It swings", xlabel="time in s", ylabel="height")
    axes[0].axhline(0.5, linestyle="--", color="k")
    axes[0].legend()
    axes[0].text(1, 0.5, "here")
    axes[1].bar(["a", "b"], [1.0, 2.0005 * (1 + noise)])
    axes[2].imshow(y.reshape(10, 10), cmap="gray")
    axes[3].scatter(x, y, c=y)
    axes[4].semilogy(x, np.exp(-3 * x) * (1 + noise))
    axes[4].fill_between(x, 0, y + 2)
    axes[5].set_xticks([0, 1], ["zero", "one"])
    axes[5].add_patch(plt.Polygon([[0, 0], [1, 0], [0, 1]], color="r"))
    change(axes, x)
    lines = figure.words(made)
    plt.close(made)
    return "\n".join(lines)


def test_figure_is_told_by_what_it_holds():
    lines = plotted().splitlines()
    assert lines[0] == "axes 'It swings': x 'time in s' ⟨-0.300 6.300⟩; y 'height' ⟨-1.100 1.100⟩"
    assert lines[1].startswith("  line 'sine' (#1f77b4): x 100, ⟨0.000 0.848 1.697 2.545 3.455 4.303 5.152 6.000 | ")
    assert "  line (#000000 --): x ⟨0.000 1.000⟩; y ⟨0.5000 0.5000⟩" in lines
    assert "  text 'here' at ⟨1.000 0.500⟩" in lines
    assert "  legend : sine" in lines
    bars = "2 boxes (#1f77b4 ×2): x from ⟨-0.4000 0.6000⟩; x to ⟨0.400 1.400⟩; y from ⟨0.000 0.000⟩; y to ⟨1.000 2.001⟩"
    assert f"  {bars}" in lines
    assert "axes '': x '' ⟨0.000 1.000⟩, ticks zero, one; y '' ⟨0.000 1.000⟩" in lines


def test_noise_of_a_millionth_is_within_the_tolerance():
    assert plotted(noise=1e-6) != plotted(noise=-1e-6)  # a bar is rounded to another digit, else nothing is tested
    assert same(plotted(noise=1e-6), plotted(noise=-1e-6))


@pytest.mark.parametrize("noise", [1e-6, -1e-6])
def test_noise_of_a_millionth_is_the_same_as_none(noise):
    assert same(plotted(), plotted(noise=noise))


def data_of(line, change):
    y = line.get_ydata().copy()
    change(y)
    line.set_ydata(y)


CHANGES = {
    "other curve": lambda axes, x: axes[0].lines[0].set_ydata(np.cos(x)),
    "a thousandth more": lambda axes, x: axes[0].lines[0].set_ydata(1.003 * np.sin(x)),
    "one point": lambda axes, x: data_of(axes[0].lines[0], lambda y: y.__setitem__(33, 5.0)),
    "a point that is not finite": lambda axes, x: data_of(axes[0].lines[0], lambda y: y.__setitem__(33, math.nan)),
    "order": lambda axes, x: data_of(axes[0].lines[0], lambda y: y.__setitem__(slice(None), y[::-1].copy())),
    "small values on a log scale": lambda axes, x: axes[4].lines[0].set_ydata(np.exp(-2.9 * x)),
    "color": lambda axes, x: axes[0].lines[0].set_color("r"),
    "label": lambda axes, x: axes[0].lines[0].set_label("cosine"),
    "legend": lambda axes, x: axes[0].get_legend().texts[0].set_text("cosine"),
    "title": lambda axes, x: axes[0].set_title("It falls"),
    "axis": lambda axes, x: axes[0].set_xlabel("time in ms"),
    "limits": lambda axes, x: axes[0].set_xlim(0, 3),
    "scale": lambda axes, x: axes[3].set_xscale("symlog"),
    "ticks": lambda axes, x: axes[5].set_xticks([0, 1], ["one", "zero"]),
    "bar": lambda axes, x: axes[1].patches[1].set_height(2.1),
    "color of a bar": lambda axes, x: axes[1].patches[1].set_color("r"),
    "image": lambda axes, x: axes[2].images[0].set_data(np.cos(x).reshape(10, 10)),
    "image turned": lambda axes, x: axes[2].images[0].set_data(np.sin(x).reshape(10, 10).T),
    "colors": lambda axes, x: axes[2].images[0].set_cmap("viridis"),
    "points": lambda axes, x: axes[3].collections[0].set_offsets(np.stack([x, np.cos(x)], axis=1)),
    "values of points": lambda axes, x: axes[3].collections[0].set_array(np.cos(x)),
    "area": lambda axes, x: axes[4].collections[0].get_paths()[0].vertices.__setitem__((slice(20, 60), 1), 1.0),
    "shape": lambda axes, x: axes[5].patches[0].set_xy([[0, 0], [1, 0], [1, 1]]),
    "text": lambda axes, x: axes[0].texts[0].set_text("there"),
    "place of a text": lambda axes, x: axes[0].texts[0].set_position((2, 0.5)),
    "one line more": lambda axes, x: axes[0].plot([0, 1], [0, 1]),
    "a hidden line": lambda axes, x: axes[0].lines[0].set_visible(False),
    "suptitle": lambda axes, x: axes[0].figure.suptitle("All"),
    "text of the figure": lambda axes, x: axes[0].figure.text(0.5, 0.5, "all"),
    "frame": lambda axes, x: axes[2].axis("off"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_each_change_of_a_figure_changes_its_words(change):
    assert not same(plotted(), plotted(change))


@pytest.mark.parametrize("size", [3, 12, 13, 1000])
@pytest.mark.parametrize("scale", [1e-9, 0.00099996, 0.0012, 1.0, 99999.6, 1e30])
def test_numbers_are_robust_against_noise(size, scale):
    generator = np.random.default_rng(1)
    values = scale * generator.standard_normal(size)
    noise = 1e-6 * scale * generator.standard_normal((20, size))
    texts = [numbers.summary(values + one) for one in noise]
    assert all(same(numbers.summary(values), text) for text in texts)
    wrong = copy.copy(values)
    wrong[size // 2] += 0.2 * scale * max(1, size / 50)
    assert not same(numbers.summary(values), numbers.summary(wrong))


def test_numbers_that_are_not_finite_are_counted():
    assert numbers.summary([math.nan, math.inf, 1.0]) == "⟨nan inf 1.000⟩"
    assert numbers.summary([math.nan] * 20) == "20, 20 not finite"
    assert numbers.summary([]) == "⟨⟩"
    assert numbers.summary([1.0] * 19 + [math.nan]).startswith("20, 1 not finite, ⟨1.000 ")


def test_arrow_without_words_is_told():
    made, axes = plt.subplots()
    axes.annotate("", (1, 0), xytext=(0, 0), arrowprops={"arrowstyle": "->"})
    axes.annotate("peak", (1, 0), xytext=(0, 0))
    lines = figure.words(made)
    plt.close(made)
    assert "  text '' at ⟨0.000 0.000⟩, an arrow to ⟨1.000 0.000⟩" in lines
    assert "  text 'peak' at ⟨0.000 0.000⟩, of ⟨1.000 0.000⟩" in lines
