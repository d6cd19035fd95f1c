"""Utterances of different length, end to end in one array.

A batch of speech is usually padded with zeros to its longest utterance. Padding costs time, and it leaks:
a convolution's bias turns the zeros into something else, which the next layer takes for speech. A ragged
batch has no padding. The frames of all utterances stand one after the other, and `offsets` says where
each utterance begins:

    data      | utterance 0 | utterance 1      | utterance 2 |
    offsets     0             o1                 o2            N

Deviation   the authors' program pads with zeros
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Params = dict[str, np.ndarray]  # what a layer learns, or its gradient, by name
Gradients = tuple[np.ndarray | None, Params]  # of a layer's input, unless nobody wants it, and of its parameters


@dataclass(frozen=True, eq=False)
class Ragged:
    """A batch of utterances without padding. Its len() is the number of utterances.

    Shapes      data (N, ...)   frames of all utterances, one after the other
                offsets (B+1,)  int; utterance b is data[offsets[b]:offsets[b+1]]
    """

    data: np.ndarray
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Frames of each utterance, shape (B,)."""
        return np.diff(self.offsets)


Value = Ragged | np.ndarray  # what goes from layer to layer: frames of utterances, or a row for each utterance


def pack(utterances: Sequence[np.ndarray]) -> Ragged:
    """Put utterances, each (frames, ...), end to end.

    Raises      ValueError: there is no utterance; shapes after the first axis or dtypes differ
    """
    if len(utterances) == 0:
        raise ValueError("utterances: none were given, a batch needs at least one")
    kinds = {(u.shape[1:], u.dtype) for u in utterances}
    if len(kinds) > 1:
        raise ValueError(
            f"utterances: frame shape and dtype should be the same in all, found {sorted(map(str, kinds))}"
        )
    return Ragged(np.concatenate(utterances), offsets_of([len(u) for u in utterances]))


def unpack(batch: Ragged) -> list[np.ndarray]:
    """Cut a batch into its utterances (views, not copies)."""
    return [batch.data[a:b] for a, b in zip(batch.offsets[:-1], batch.offsets[1:], strict=True)]


def offsets_of(lengths: Sequence[int] | np.ndarray) -> np.ndarray:
    """Where utterances of these lengths begin and end when they stand end to end, shape (B+1,)."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def frames_of(x: Value) -> np.ndarray:
    """The array inside a value, ragged or not."""
    return x.data if isinstance(x, Ragged) else x


def with_frames(x: Value, data: np.ndarray) -> Value:
    """A value of the same kind as x, and with the same utterances, that holds `data`."""
    return Ragged(data, x.offsets) if isinstance(x, Ragged) else data


def check_ragged(x: Ragged, frame_shape: tuple[int | None, ...], name: str = "x") -> None:
    """Refuse a batch that a kernel could not walk through safely.

    `frame_shape` is the shape of one frame; None stands for any extent.

    Raises      ValueError: naming `name`, what it is and what it should be
    """
    if not isinstance(x, Ragged):
        raise ValueError(f"{name}: should be a Ragged batch of utterances, found {type(x).__name__}")
    data, offsets = x.data, x.offsets
    check_array(data, (None, *frame_shape), name=f"{name}.data")
    if offsets.ndim != 1 or offsets.dtype != np.int64 or len(offsets) < 2:
        raise ValueError(
            f"{name}.offsets: should be two or more int64, found shape {offsets.shape} of {offsets.dtype}"
        )
    if offsets[0] != 0 or offsets[-1] != len(data) or np.any(offsets[1:] <= offsets[:-1]):
        raise ValueError(
            f"{name}.offsets: should rise from 0 to {len(data)}, the number of frames, found {offsets.tolist()}"
        )


def check_array(
    array: np.ndarray, shape: tuple[int | None, ...], dtype: np.dtype | None = None, name: str = "x"
) -> None:
    """Refuse an array of another shape or dtype; None stands for any extent, or for float32 or float64.

    Raises      ValueError: naming `name`, what it is and what it should be
    """
    fits = array.ndim == len(shape) and all(n is None or n == m for n, m in zip(shape, array.shape, strict=True))
    if not fits:
        expected = "(" + ", ".join("any" if n is None else str(n) for n in shape) + ")"
        raise ValueError(f"{name}: shape should be {expected}, found {array.shape}")
    if array.dtype not in ((np.float32, np.float64) if dtype is None else (dtype,)):
        wanted = "float32 or float64" if dtype is None else str(dtype)
        raise ValueError(f"{name}: dtype should be {wanted}, found {array.dtype}")


def check_parameters(params: Params, dtype: np.dtype, shapes: dict[str, tuple[int, ...]]) -> None:
    """Refuse parameters that are missing, of another shape, or of another dtype than the data.

    Raises      ValueError: naming the parameter, what it is and what it should be
    """
    for name, shape in shapes.items():
        if name not in params:
            raise ValueError(f"params: {name!r} is missing, found {sorted(params)}")
        check_array(params[name], shape, dtype, name=f"params[{name!r}]")
