"""The network in numbers of 8 bits: half the file, and quicker, for slightly other probabilities.

Convolutions, their sums and the GRU's product with its input are done in int8, by ONNX Runtime's own tools. What
comes before the network stays float32, since one number of 8 bits cannot hold a spectrum's range; so do the GRU's
recurrence, attention and what follows, which are a hundredth of the work.

The largest value that each layer gives has to be known before. It is measured on utterances of the built-in corpus,
in all its emotions: numser has no other recordings wherever it is, and a standardised log-mel of made-up speech spans
about what that of real speech does. Weights are rounded to 7 bits: processors without VNNI add two products in 16
bits, which overflow with 8, and then one label in forty changed.
"""

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from onnx import ModelProto, load
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

from numser.corpora.synthetic import performances
from numser.features import FeatureSettings, log_mel

KINDS = ("Conv", "Relu", "Add", "MaxPool", "Slice", "Concat", "MatMul")
_TEXTS = ("a01", "b03")  # of each, ten voices and seven emotions


def in_int8(model: ModelProto, first: str, settings: FeatureSettings) -> ModelProto:
    """The model with its nodes from `first` to the GRU's product quantised."""
    names, kinds = ([getattr(node, what) for node in model.graph.node] for what in ("name", "op_type"))
    begin = names.index(first)
    between = names[begin : kinds.index("MatMul", begin) + 1]
    with tempfile.TemporaryDirectory() as folder, _quiet():
        path = Path(folder) / "model.onnx"
        quantize_static(
            model,
            path,
            _Utterances(model.graph.input[0].name, settings),
            nodes_to_quantize=between,
            op_types_to_quantize=KINDS,
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        made = load(path)
    made.producer_name = model.producer_name
    return made


class _Utterances(CalibrationDataReader):
    """Every sixth of the utterances, as the model is given them."""

    def __init__(self, name: str, settings: FeatureSettings) -> None:
        self.given = self._each(name, settings)

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next one, None after the last."""
        return next(self.given, None)

    @staticmethod
    def _each(name: str, settings: FeatureSettings) -> Iterator[dict[str, np.ndarray]]:
        for i, performance in enumerate(performances(texts=_TEXTS)):
            if i % 6 == 0:
                waveform = performance.utterance.waveform
                assert waveform is not None
                yield {name: waveform if name == "waveform" else log_mel(waveform, settings)}


@contextmanager
def _quiet() -> Iterator[None]:
    """ONNX Runtime's tools recommend steps that this model does not need."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
