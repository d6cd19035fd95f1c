"""numser: speech emotion recognition from scratch, after Zhong et al., Interspeech 2020.

    import numser
    recogniser = numser.load()                      the model that comes with numser; or a model.npz, or its folder
    recogniser.predict("speech.wav")                a file; or a waveform and its sampling rate
    recogniser.predict_files(["a.wav", "b.wav"])    many files: a row each

The parts are modules: numser.layers, numser.model, numser.losses, numser.gradcheck, numser.training and so on;
numser.estimator trains on recordings of your own. `python -m numser` lists the commands.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # for editors
    from numser.model import SeparableSER as SeparableSER
    from numser.recogniser import Prediction as Prediction
    from numser.recogniser import Recogniser as Recogniser
    from numser.recogniser import load as load

__version__ = "0.1.0"

_WHERE = {
    "load": "numser.recogniser",
    "Recogniser": "numser.recogniser",
    "Prediction": "numser.recogniser",
    "SeparableSER": "numser.model",
}


def __getattr__(name: str) -> object:
    """Import what is asked for, when it is asked for, so that `import numser` is quick."""
    if name not in _WHERE:
        raise AttributeError(f"module 'numser' has no attribute {name!r}")
    return getattr(import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_WHERE])
