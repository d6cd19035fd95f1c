import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from numser.ragged import Ragged, check_array, check_parameters, check_ragged, offsets_of, pack, unpack

frames = st.integers(1, 5).flatmap(lambda n: arrays(np.float32, (n, 3), elements=st.floats(-1, 1, width=32)))


@given(st.lists(frames, min_size=1, max_size=5))
def test_unpack_undoes_pack(utterances):
    batch = pack(utterances)
    assert batch.lengths.tolist() == [len(u) for u in utterances]
    for a, b in zip(unpack(batch), utterances, strict=True):
        np.testing.assert_array_equal(a, b)


def test_its_length_is_the_number_of_utterances():
    batch = pack([np.zeros((n, 3)) for n in (2, 1, 4)])
    assert len(batch) == 3
    assert len(batch.data) == 7
    with pytest.raises(TypeError, match="not iterable"):
        iter(batch)


def test_offsets_run_from_zero_to_the_end():
    assert offsets_of([3, 1, 4]).tolist() == [0, 3, 4, 8]


def test_what_cannot_be_packed():
    with pytest.raises(ValueError, match="none were given"):
        pack([])
    with pytest.raises(ValueError, match="same in all"):
        pack([np.zeros((2, 3)), np.zeros((2, 4))])
    with pytest.raises(ValueError, match="same in all"):
        pack([np.zeros((2, 3)), np.zeros((2, 3), np.float32)])


@pytest.mark.parametrize(
    ("offsets", "says"),
    [
        ([0, 2], "rise from 0 to 4"),
        ([1, 4], "rise from 0 to 4"),
        ([0, 5], "rise from 0 to 4"),
        ([0, 2, 2, 4], "rise from 0 to 4"),
        ([0, 3, 2, 4], "rise from 0 to 4"),
        ([0], "two or more int64"),
        ([0.0, 4.0], "two or more int64"),
        ([[0, 4]], "two or more int64"),
    ],
)
def test_offsets_a_kernel_could_not_walk_are_refused(offsets, says):
    with pytest.raises(ValueError, match=says):
        check_ragged(Ragged(np.zeros((4, 3)), np.array(offsets)), (3,))


def test_the_message_says_what_it_is_and_what_it_should_be():
    with pytest.raises(ValueError, match=r"input.data: shape should be \(any, 5\), found \(4, 3\)"):
        check_ragged(Ragged(np.zeros((4, 3)), np.array([0, 4])), (5,), "input")
    with pytest.raises(ValueError, match="x: should be a Ragged batch of utterances, found ndarray"):
        check_ragged(np.zeros((4, 3)), (3,))
    with pytest.raises(ValueError, match="dy: dtype should be float32 or float64, found int64"):
        check_array(np.zeros(3, np.int64), (3,), name="dy")
    with pytest.raises(ValueError, match=r"params: 'w' is missing, found \['b'\]"):
        check_parameters({"b": np.zeros(2)}, np.float64, {"w": (2,)})
