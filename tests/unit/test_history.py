"""The history of a run: records, figures by name, and their picture."""

import math
import sys

import matplotlib.pyplot as plt
import pytest

from ptguide.training import History


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def made(*records):
    history = History()
    for number, record in enumerate(records, start=1):
        history.append({"epoch": number, "step": 10 * number, **record}, samples_per_second=100.0 * number)
    return history


def test_records_by_number_and_figures_by_name():
    history = made({"loss": 3.0}, {"loss": 2.0}, {"loss": 1.5})
    assert len(history) == 3
    assert history[0] == {"epoch": 1, "step": 10, "loss": 3.0}
    assert history[-1]["loss"] == 1.5
    assert history["loss"] == [3.0, 2.0, 1.5]
    assert list(history) == [history[0], history[1], history[2]]
    assert history.as_dict() == {"epoch": [1, 2, 3], "step": [10, 20, 30], "loss": [3.0, 2.0, 1.5]}
    assert history.samples_per_second == [100.0, 200.0, 300.0]
    with pytest.raises(IndexError):
        history[3]


def test_a_record_is_copied_when_it_is_added():
    record = {"loss": 1.0}
    history = History()
    history.append(record, samples_per_second=1.0)
    record["loss"] = 2.0
    assert history["loss"] == [1.0]


def test_a_figure_that_is_not_there():
    with pytest.raises(KeyError, match="no figure is named 'lost'; there are epoch, step, loss"):
        made({"loss": 3.0})["lost"]
    with pytest.raises(KeyError, match="no figure is named 'loss'; there are none yet"):
        History()["loss"]


def test_an_empty_history():
    assert len(History()) == 0
    assert History().as_dict() == {}
    assert repr(History()) == "History(0 epochs)"
    with pytest.raises(
        ValueError, match=r"^the history holds no epoch, so there is nothing to draw; expected at least one\.$"
    ):
        History().plot()


def test_it_shows_its_last_record():
    assert repr(made({"loss": 3.0}, {"loss": 0.123456})) == "History(2 epochs, the last: epoch=2, step=20, loss=0.1235)"


def test_figures_that_came_later_are_nan_before():
    history = made({"loss": 3.0}, {"loss": 2.0, "validation_loss": 2.5})
    before, after = history["validation_loss"]
    assert math.isnan(before)
    assert after == 2.5


def test_the_state_brings_it_back():
    history, other = made({"loss": 3.0}, {"loss": 2.0}), made({"loss": 9.0})
    state = history.state_dict()
    other.load_state_dict(state)
    assert list(other) == list(history)
    assert other.samples_per_second == [100.0, 200.0]
    other[0]["loss"] = 0.0
    other.append({"loss": 1.0}, samples_per_second=1.0)
    assert history["loss"] == [3.0, 2.0]
    assert state["records"][0]["loss"] == 3.0
    assert history.samples_per_second == state["samples_per_second"] == [100.0, 200.0]


def shown(figure):
    """Return the title, the labels and the lines of each panel."""
    return [
        (
            ax.get_title(),
            ax.get_xlabel(),
            ax.get_ylabel(),
            {line.get_label(): list(line.get_ydata()) for line in ax.lines},
        )
        for ax in figure.axes
    ]


def test_each_figure_has_a_panel_with_training_and_validation():
    history = made(
        {"learning_rate": 0.1, "loss": 3.0, "top_five": 0.5, "validation_loss": 3.5, "validation_top_five": 0.4},
        {"learning_rate": 0.05, "loss": 2.0, "top_five": 0.75, "validation_loss": 2.5, "validation_top_five": 0.5},
    )
    figure = history.plot()
    assert shown(figure) == [
        ("Loss", "epoch", "loss", {"training": [3.0, 2.0], "validation": [3.5, 2.5]}),
        ("Top five", "epoch", "top five", {"training": [0.5, 0.75], "validation": [0.4, 0.5]}),
        ("Learning rate", "epoch", "learning rate", {"training": [0.1, 0.05]}),
    ]
    assert [list(line.get_xdata()) for line in figure.axes[0].lines] == [[1, 2], [1, 2]]
    legends = [ax.get_legend() for ax in figure.axes]
    assert [text.get_text() for text in legends[0].get_texts()] == ["training", "validation"]
    assert legends[2] is None
    assert figure.get_suptitle() == ""
    assert figure.get_size_inches().tolist() == pytest.approx([0.8 + 3 * 3.6, 3.2])
    figure.canvas.draw()  # constrained layout works on drawing


def test_a_learning_rate_that_stays_has_no_panel():
    history = made(
        {"learning_rate": 0.1, "learning_rate_1": 0.1, "loss": 3.0},
        {"learning_rate": 0.1, "learning_rate_1": 0.2, "loss": 2.0},
    )
    assert [title for title, *_ in shown(history.plot())] == ["Loss", "Learning rate 1"]


def test_the_title_is_the_callers():
    assert made({"loss": 1.0}).plot("The loss falls").get_suptitle() == "The loss falls"


def test_records_without_epochs_are_counted_from_1():
    history = History()
    for loss in (3.0, 2.0, 1.0):
        history.append({"loss": loss}, samples_per_second=1.0)
    assert list(history.plot().axes[0].lines[0].get_xdata()) == [1, 2, 3]


def test_epochs_are_whole_numbers_on_the_axis():
    axis = made({"loss": 3.0}, {"loss": 2.0}).plot().axes[0]
    axis.figure.canvas.draw()
    assert all(float(tick).is_integer() for tick in axis.get_xticks())


def test_without_matplotlib_plot_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(
        ModuleNotFoundError,
        match=r"^History\.plot needs matplotlib, which is not installed\. "
        r'Install it with: pip install "ptguide\[training\]"$',
    ) as caught:
        made({"loss": 1.0}).plot()
    assert caught.value.name == "matplotlib"


def test_a_long_title_stays_within_the_figure():
    figure = made({"loss": 1.0}).plot("It falls on data that the network has never seen, which is what counts")
    figure.canvas.draw()
    assert figure.bbox.fully_contains(*figure._suptitle.get_window_extent().min)
    assert figure.bbox.fully_contains(*figure._suptitle.get_window_extent().max)
