"""The pictures: what is drawn where. How they look, people judge."""

import sys

import numpy as np
import pytest

from numser import plots
from numser.errors import InputError
from numser.features import PAPER, band_edges

pytest.importorskip("matplotlib", reason='matplotlib is not installed; pip install "numser[tutorials]"')


@pytest.fixture(autouse=True)
def plt():
    import matplotlib

    with matplotlib.rc_context():
        matplotlib.use("agg")
        plt = plots.pyplot()
        yield plt
        plt.close("all")


def image(ax) -> np.ndarray:
    return np.asarray(ax.images[0].get_array())


def ticks(axis) -> dict[str, float]:
    return {label.get_text(): place for place, label in zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=True)}


def test_a_log_mel_has_time_from_left_to_right_and_frequency_upwards():
    frames = np.zeros((51, 128), np.float32)
    frames[20, 100] = 1
    ax = plots.log_mel(frames)
    assert image(ax)[100, 20] == 1
    assert not ax.yaxis_inverted()
    left, right, bottom, top = ax.images[0].get_extent()
    assert (left, right) == pytest.approx((-0.005, 0.505))  # a frame is 10 ms, centred on its time
    assert (bottom, top) == (-0.5, 127.5)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("time (s)", "frequency (kHz)")
    assert [a.get_ylabel() for a in ax.figure.axes[1:]] == ["power (dB)"]


def test_the_frequencies_of_a_log_mel_stand_at_their_bands():
    ax = plots.log_mel(np.zeros((3, 128), np.float32), colorbar=False)
    places = ticks(ax.yaxis)
    assert list(places) == ["0.25", "0.5", "1", "2", "4", "8"]
    centres = band_edges(PAPER)[1:-1]
    assert np.interp(places["1"], np.arange(128), centres) == pytest.approx(1000)
    assert len(ax.figure.axes) == 1


def test_attention_stands_under_its_frames():
    weights = np.array([0.1, 0.2, 0.6, 0.1])
    above, below = plots.attention(np.zeros((16, 128)), np.array([0.03, 0.07, 0.11, 0.15]), weights, (0.05, 0.12))
    assert above.get_xlim() == below.get_xlim()
    equal, span = below.lines
    assert list(equal.get_ydata()) == [0.25, 0.25]
    assert tuple(span.get_xdata()) == (0.05, 0.12)
    filled = below.collections[0].get_paths()[0].vertices
    assert [0.11, 0.6] in filled.tolist()


def test_a_confusion_shows_counts_and_colours_shares_of_rows():
    ax = plots.confusion(np.array([[3, 1], [0, 0]]), ["anger", "fear"])
    assert [t.get_text() for t in ax.texts] == ["3", "1", "0", "0"]
    assert image(ax).tolist() == [[0.75, 0.25], [0, 0]]
    assert [t.get_color() for t in ax.texts] == ["white", "black", "black", "black"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["anger", "fear"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("recognised", "true")


def test_learning_curves_are_read_from_a_runs_history(tmp_path):
    (tmp_path / "history.csv").write_text(
        "step,loss,validation_loss,validation_ua,validation_wa,best_ua\n10,1.5,1.6,0.5,0.4,0.5\n20,1.0,1.2,0.4,0.4,0.5\n"
    )
    losses, accuracy = plots.learning_curves(np.genfromtxt(tmp_path / "history.csv", delimiter=",", names=True))
    assert {line.get_label(): line.get_ydata().tolist() for line in losses.lines} == {
        "training": [1.5, 1.0],
        "validation": [1.6, 1.2],
    }
    assert {line.get_label(): line.get_ydata().tolist() for line in accuracy.lines} == {
        "validation": [0.5, 0.4],
        "best so far": [0.5, 0.5],
    }


@pytest.mark.parametrize(
    ("shape", "wrong", "place", "labels"),
    [
        ((4,), (2,), (0, 2), ("", "i")),
        ((3, 4), (1, 2), (1, 2), ("i", "j")),
        ((3, 4, 2), (1, 2, 1), (1, 4 + 2), ("i", "k (in each tile: j)")),
        ((3, 4, 2, 5), (1, 2, 1, 3), (3 + 1, 3 * 4 + 2), ("k (in each tile: i)", "l (in each tile: j)")),
    ],
)
def test_a_wrong_entry_of_a_gradient_lights_up_where_it_stands(shape, wrong, place, labels):
    numeric = np.full(shape, 2.0)
    analytic = numeric.copy()
    analytic[wrong] += 0.5
    ax = plots.gradient_errors(analytic, numeric, names="ijkl"[: len(shape)])
    mosaic = image(ax)
    assert mosaic.size == numeric.size
    assert mosaic[place] == 0.25
    assert np.sum(mosaic > 1e-12) == 1
    assert (ax.get_ylabel(), ax.get_xlabel()) == labels
    white = [line for line in ax.lines if line.get_color() == "white"]
    assert len(white) == sum(n - 1 for n in shape[2:])
    (bar,) = ax.figure.axes[1:]
    assert bar.lines[0].get_ydata()[0] == 1e-6


def test_a_gradient_of_zeros_is_drawn_too():
    ax = plots.gradient_errors(np.zeros((2, 2)), np.zeros((2, 2)))
    assert np.all(image(ax) == 1e-12)


def test_gradients_of_different_shapes_are_refused():
    with pytest.raises(ValueError, match=r"should be alike, of one to four axes, found \(2,\) and \(3,\)"):
        plots.gradient_errors(np.zeros(2), np.zeros(3))


def test_pictures_are_drawn_where_they_are_told_to(plt):
    figure, panels = plt.subplots(1, 3)
    assert plots.log_mel(np.zeros((3, 128)), panels[0]) is panels[0]
    assert plots.confusion(np.eye(2), ["a", "b"], panels[1]) is panels[1]
    assert plots.gradient_errors(np.zeros((2, 2)), np.zeros((2, 2)), panels[2]) is panels[2]
    assert plt.get_fignums() == [figure.number]


def test_drawing_leaves_the_users_settings_alone(plt):
    plt.rcParams["font.size"] = 17
    plots.log_mel(np.zeros((3, 128)))
    assert plt.rcParams["font.size"] == 17
    assert plots.pyplot().rcParams["font.size"] == 10


def test_without_matplotlib_one_sentence_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(InputError, match=r'^pictures need matplotlib; pip install "numser\[tutorials\]" brings it$'):
        plots.log_mel(np.zeros((3, 128)))


def test_histograms_are_rows_from_the_top_with_their_zeros():
    ax = plots.histograms({"first": np.array([10.0, -10.0, 0.0, 0.0]), "second": np.full(5, 0.001)})
    assert list(ticks(ax.yaxis)) == ["first (50% zero)", "second"]
    assert list(ticks(ax.yaxis).values()) == [0, -1]
    (first, second) = (patch.get_data() for patch in ax.patches)
    assert first.edges[[0, -1]] == pytest.approx([-3, 1])
    assert first.values.argmax() == 78 and first.values.max() == pytest.approx(0.9)
    assert second.values.argmax() == 0 and second.values.max() == pytest.approx(-0.1)
    assert plots.histograms({"nothing": np.zeros(3)}).patches
    with pytest.raises(ValueError, match="arrays: should be one or more"):
        plots.histograms({})


def test_update_ratios_are_lines_over_steps():
    weights = [{"w": np.array([3.0, 4.0]), "b": np.zeros(1)}, {"w": np.array([3.0, 4.5]), "b": np.ones(1)}]
    ax = plots.update_ratios([*weights, weights[1]])
    lines = {line.get_label(): line for line in ax.lines}
    assert lines["w"].get_xdata() == pytest.approx([1, 2])
    assert lines["w"].get_ydata() == pytest.approx([0.1, 0])
    assert lines["b"].get_ydata()[0] == np.inf
    assert ax.get_yscale() == "log"
    with pytest.raises(ValueError, match="weights: should be of two moments or more, found 1"):
        plots.update_ratios(weights[:1])
