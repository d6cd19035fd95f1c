"""Does the answer depend on the microphone, the line or the room?

    python benchmarks/robustness.py [MODEL.npz] --data path/to/emodb
    python benchmarks/robustness.py --left-out RUNS --data path/to/emodb    # of numser.crossval --speakers

Each recording is recognised as it is, and then softer, band-limited, as a telephone or a messenger sends it, with
noise, with a click. Counted are the labels that change, and UA. Every ninth recording is taken (60 of Emo-DB's 535),
or with --all each. With --left-out each is asked of the model that never heard its speaker, and UA is the mean of the
speakers'. Printed, and kept in results/robustness.json or robustness-left-out.json, and in the card of the model that
comes with numser, if it is that, or if speakers are left out. ffmpeg has the codecs.
"""

import argparse
import platform
import re
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

import numser
from numser.audio import SAMPLE_RATE, read_audio
from numser.corpora import load_corpus
from numser.files import write_json
from numser.metrics import confusion_matrix, unweighted_accuracy
from numser.recogniser import load
from numser.threads import available_cores

RESULTS = Path(__file__).parent / "results"
CARD = Path(numser.__file__).parent / "pretrained" / "README.md"
CODECS = {  # what ffmpeg writes, and how
    "µ-law, 8 kHz": ("wav", "-ar 8000 -c:a pcm_mulaw"),
    "GSM 6.10, 8 kHz": ("wav", "-ar 8000 -c:a libgsm_ms"),
    "Opus, 12 kbit/s": ("ogg", "-c:a libopus -b:a 12k -application voip"),
    "MP3, 32 kbit/s": ("mp3", "-c:a libmp3lame -b:a 32k"),
}


def at_snr(sound: np.ndarray, noise: np.ndarray, snr: float) -> np.ndarray:
    """Sound and noise together, the noise `snr` dB below."""
    noise = np.resize(noise, len(sound))
    return (sound + noise * np.sqrt((sound**2).mean() / (noise**2).mean()) * 10 ** (-snr / 20)).astype(np.float32)


def with_click(sound: np.ndarray) -> np.ndarray:
    """One sample 20 dB above the loudest, in the middle."""
    y = sound.copy()
    y[len(y) // 2] = 10 * np.abs(sound).max()
    return y


def coded(sound: np.ndarray, ending: str, options: str) -> np.ndarray:
    """Sound as it is read from the file that a codec makes of it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"coded.{ending}"
        pipe = ["ffmpeg", "-v", "error", "-f", "f32le", "-ar", str(SAMPLE_RATE), "-ac", "1", "-i", "-"]
        subprocess.run([*pipe, *options.split(), str(file)], input=sound.tobytes(), check=True)
        return read_audio(file)


def conditions(sounds: list[np.ndarray]) -> dict[str, Callable[[int], np.ndarray]]:
    """What is done to recording i, by name. Babble is the sum of six other recordings."""

    def babble(i: int) -> np.ndarray:
        others = np.random.default_rng(i).choice([j for j in range(len(sounds)) if j != i], 6, replace=False)
        return sum(np.resize(sounds[j], len(sounds[i])) for j in others)

    def white(i: int) -> np.ndarray:
        return np.random.default_rng(i).standard_normal(len(sounds[i]))

    def from_rate(i: int, rate: int) -> np.ndarray:
        return resample_poly(resample_poly(sounds[i], rate, SAMPLE_RATE), SAMPLE_RATE, rate).astype(np.float32)

    changes = {
        f"{-gain} dB softer": lambda i, gain=gain: sounds[i] * np.float32(10 ** (gain / 20))
        for gain in (-20, -30, -40)
    }
    changes |= {f"{rate / 1000:g} kHz, linear": lambda i, rate=rate: from_rate(i, rate) for rate in (8000, 12000)}
    changes |= {name: lambda i, how=how: coded(sounds[i], *how) for name, how in CODECS.items()}
    for snr in (20, 15, 10, 0):
        changes[f"white noise, {snr} dB"] = lambda i, snr=snr: at_snr(sounds[i], white(i), snr)
        changes[f"babble, {snr} dB"] = lambda i, snr=snr: at_snr(sounds[i], babble(i), snr)
    return changes | {"one click": lambda i: with_click(sounds[i])}


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", help="(default: the one that comes with numser)")
    parser.add_argument("--data", type=Path, help="Emo-DB's folder")
    parser.add_argument("--all", action="store_true", help="each recording, and not every ninth")
    parser.add_argument("--left-out", type=Path, metavar="RUNS", help="models of numser.crossval --speakers")
    args = parser.parse_args()
    corpus = load_corpus("emodb", args.data)
    chosen = corpus.utterances[:: 1 if args.all or args.left_out else 9]
    sounds, names = [read_audio(u.path) for u in chosen], [u.name for u in chosen]
    if args.left_out:
        speakers = sorted({u.speaker for u in chosen})
        asked = {s: load(args.left_out / f"speaker{s}") for s in speakers}
        groups = {s: [i for i, u in enumerate(chosen) if u.speaker == s] for s in speakers}
    else:
        asked, groups = {None: load(args.model)}, {None: list(range(len(chosen)))}
    recogniser = next(iter(asked.values()))
    truth = np.array([recogniser.labels.index(u.label) for u in chosen])

    def recognised(change: Callable[[int], np.ndarray]) -> np.ndarray:
        found = np.full(len(chosen), -1)
        for group, members in groups.items():
            sound, called = [change(i) for i in members], [names[i] for i in members]
            for i, answer in zip(members, asked[group].predict_each(sound, called, available_cores()), strict=True):
                found[i] = -1 if isinstance(answer, Exception) else recogniser.labels.index(answer.label)
        return found

    def ua(found: np.ndarray) -> float:
        scores = []
        for members in groups.values():
            heard = [i for i in members if found[i] >= 0]
            scores.append(unweighted_accuracy(confusion_matrix(truth[heard], found[heard], len(recogniser.labels))))
        return round(float(np.mean(scores)), 3)

    plain = recognised(lambda i: sounds[i])
    rows = {"as it is": {"changed": 0, "unanswered": int((plain < 0).sum()), "ua": ua(plain)}}
    for name, change in conditions(sounds).items():
        found = recognised(change)
        rows[name] = {"changed": int((found != plain).sum()), "unanswered": int((found < 0).sum()), "ua": ua(found)}
    whose = ", of people never heard" if args.left_out else ""
    lines = [f"| of {len(sounds)} recordings{whose} | labels changed | UA |", "|---|---|---|"]
    lines += [f"| {name} | {row['changed']} | {row['ua']:.3f} |" for name, row in rows.items()]
    print(table := "\n".join(lines))
    if args.model is None:
        card = CARD.read_text(encoding="utf-8")
        old = rf"\| of \d+ recordings{whose} \|(?:.*\n)+?(?=\n)"
        CARD.write_text(re.sub(old, f"{table}\n", card), encoding="utf-8")
    about = {"python": platform.python_version(), "numpy": np.__version__, "machine": platform.machine()}
    about["ffmpeg"] = subprocess.run(
        ["ffmpeg", "-version"], capture_output=True, text=True, check=True
    ).stdout.split()[2]
    write_json(
        RESULTS / f"robustness{'-left-out' if args.left_out else ''}.json",
        {"recordings": len(sounds), "trained_on": recogniser.trained_on, "rows": rows, "versions": about},
    )


if __name__ == "__main__":
    main()
