"""Does the answer depend on the microphone, the line or the room?

    python benchmarks/robustness.py [MODEL.npz] --data path/to/emodb

Each recording is recognised as it is, and then softer, band-limited, with noise, with a click. Counted are the labels
that change, and UA. Every ninth recording is taken (60 of Emo-DB's 535), or with --all each. Printed, and kept in
results/robustness.json.
"""

import argparse
import platform
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from numser.audio import read_audio
from numser.corpora import load_corpus
from numser.files import write_json
from numser.metrics import confusion_matrix, unweighted_accuracy
from numser.recogniser import load
from numser.threads import available_cores

RESULTS = Path(__file__).parent / "results"


def at_snr(sound: np.ndarray, noise: np.ndarray, snr: float) -> np.ndarray:
    """Sound and noise together, the noise `snr` dB below."""
    noise = np.resize(noise, len(sound))
    return (sound + noise * np.sqrt((sound**2).mean() / (noise**2).mean()) * 10 ** (-snr / 20)).astype(np.float32)


def with_click(sound: np.ndarray) -> np.ndarray:
    """One sample 20 dB above the loudest, in the middle."""
    y = sound.copy()
    y[len(y) // 2] = 10 * np.abs(sound).max()
    return y


def conditions(sounds: list[np.ndarray]) -> dict[str, Callable[[int], np.ndarray]]:
    """What is done to recording i, by name. Babble is the sum of six other recordings."""

    def babble(i: int) -> np.ndarray:
        others = np.random.default_rng(i).choice([j for j in range(len(sounds)) if j != i], 6, replace=False)
        return sum(np.resize(sounds[j], len(sounds[i])) for j in others)

    def white(i: int) -> np.ndarray:
        return np.random.default_rng(i).standard_normal(len(sounds[i]))

    def from_rate(i: int, rate: int) -> np.ndarray:
        return resample_poly(resample_poly(sounds[i], rate, 16_000), 16_000, rate).astype(np.float32)

    changes = {
        f"{-gain} dB softer": lambda i, gain=gain: sounds[i] * np.float32(10 ** (gain / 20))
        for gain in (-20, -30, -40)
    }
    changes |= {f"from {rate / 1000:g} kHz": lambda i, rate=rate: from_rate(i, rate) for rate in (8000, 12000)}
    for snr in (20, 15, 10):
        changes[f"white noise, {snr} dB"] = lambda i, snr=snr: at_snr(sounds[i], white(i), snr)
        changes[f"babble, {snr} dB"] = lambda i, snr=snr: at_snr(sounds[i], babble(i), snr)
    return changes | {"one click": lambda i: with_click(sounds[i])}


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", help="(default: the one that comes with numser)")
    parser.add_argument("--data", type=Path, help="Emo-DB's folder")
    parser.add_argument("--all", action="store_true", help="each recording, and not every ninth")
    args = parser.parse_args()
    recogniser, corpus = load(args.model), load_corpus("emodb", args.data)
    chosen = corpus.utterances[:: 1 if args.all else 9]
    sounds, names = [read_audio(u.path) for u in chosen], [u.name for u in chosen]
    truth = np.array([recogniser.labels.index(u.label) for u in chosen])

    def recognised(change: Callable[[int], np.ndarray]) -> np.ndarray:
        answers = recogniser.predict_each([change(i) for i in range(len(sounds))], names, available_cores())
        return np.array([-1 if isinstance(a, Exception) else recogniser.labels.index(a.label) for a in answers])

    def ua(found: np.ndarray) -> float:
        heard = found >= 0
        counts = confusion_matrix(truth[heard], found[heard], len(recogniser.labels))
        return round(unweighted_accuracy(counts), 3)

    plain = recognised(lambda i: sounds[i])
    rows = {"as it is": {"changed": 0, "unanswered": int((plain < 0).sum()), "ua": ua(plain)}}
    for name, change in conditions(sounds).items():
        found = recognised(change)
        rows[name] = {"changed": int((found != plain).sum()), "unanswered": int((found < 0).sum()), "ua": ua(found)}
    for name, row in rows.items():
        counts = f"{row['changed']:>4} of {len(sounds)} labels changed, {row['unanswered']} unanswered"
        print(f"{name:<20}{counts}, UA {row['ua']:.3f}")
    about = {"python": platform.python_version(), "numpy": np.__version__, "machine": platform.machine()}
    write_json(
        RESULTS / "robustness.json",
        {"recordings": len(sounds), "trained_on": recogniser.trained_on, "rows": rows, "versions": about},
    )


if __name__ == "__main__":
    main()
