"""numser: speech emotion recognition from scratch, after Zhong et al., Interspeech 2020.

    import numser
    numser.load("model.npz").predict(waveform, sample_rate)

The parts are modules: numser.layers, numser.model, numser.losses, numser.gradcheck, numser.training and so on.
"""

from importlib import import_module

__version__ = "0.1.0"

_WHERE = {"load": "numser.recogniser", "Recogniser": "numser.recogniser", "SeparableSER": "numser.model"}


def __getattr__(name: str):
    """Import what is asked for, when it is asked for, so that `import numser` is quick."""
    if name not in _WHERE:
        raise AttributeError(f"module 'numser' has no attribute {name!r}")
    return getattr(import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_WHERE])
