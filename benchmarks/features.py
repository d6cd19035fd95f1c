"""Log-mel frames of 64 utterances: numser, librosa, and torchaudio.

    python benchmarks/features.py --data path/to/emodb

All make the same 128 bands from the same waveforms. On one thread, and on all: numser and librosa then take an
utterance a thread, torchaudio has threads of its own. Beside torchaudio, which cannot be had for every PyTorch, runs
what it is made of: PyTorch's STFT and a matrix product.
"""

from concurrent.futures import ThreadPoolExecutor

import librosa
import numpy as np
import torch
from measure import alternate, arguments, corpus, record, show
from threadpoolctl import threadpool_limits

from numser.audio import read_audio
from numser.features import PAPER, log_mel, mel_filterbank

TOLERANCE = 0.05  # dB, the largest difference of any number


def with_librosa(waveform: np.ndarray) -> np.ndarray:
    """librosa.feature.melspectrogram and power_to_db, (frames, bands)."""
    power = librosa.feature.melspectrogram(
        y=waveform,
        sr=PAPER.sample_rate,
        n_fft=PAPER.n_fft,
        hop_length=PAPER.hop_length,
        win_length=PAPER.win_length,
        window="hamming",
        pad_mode="reflect",
        n_mels=PAPER.n_mels,
        fmin=PAPER.fmin,
        fmax=PAPER.fmax,
    )
    return librosa.power_to_db(power, ref=1.0, amin=PAPER.floor, top_db=PAPER.dynamic_range).T


def make_torchaudio():
    """torchaudio's transforms as one function, or None, with a line that says why."""
    try:
        from torchaudio.transforms import AmplitudeToDB, MelSpectrogram

        mel = MelSpectrogram(
            PAPER.sample_rate,
            PAPER.n_fft,
            PAPER.win_length,
            PAPER.hop_length,
            PAPER.fmin,
            PAPER.fmax,
            n_mels=PAPER.n_mels,
            window_fn=torch.hamming_window,
            norm="slaney",
            mel_scale="slaney",
        )
        decibel = AmplitudeToDB("power", PAPER.dynamic_range)
        decibel(mel(torch.zeros(PAPER.sample_rate)))
    except (ImportError, OSError, RuntimeError) as error:  # a build for another PyTorch, or for CUDA
        print(
            f"torchaudio is left out: it cannot be loaded beside PyTorch {torch.__version__} ({type(error).__name__})"
        )
        return None
    return lambda waveform: decibel(mel(torch.from_numpy(waveform))).numpy().T


def make_torch():
    """torch.stft, a matrix product, the logarithm: torchaudio's steps."""
    window = torch.hamming_window(PAPER.win_length)
    filterbank = torch.from_numpy(mel_filterbank().copy())
    floor = torch.tensor(PAPER.floor)

    def function(waveform: np.ndarray) -> np.ndarray:
        x = torch.from_numpy(waveform)
        spectrum = torch.stft(
            x, PAPER.n_fft, PAPER.hop_length, PAPER.win_length, window, pad_mode="reflect", return_complex=True
        )
        level = 10 * torch.log10(torch.maximum(filterbank @ spectrum.abs().square(), floor))
        return torch.maximum(level, level.max() - PAPER.dynamic_range).T.numpy()

    return function


def main() -> None:
    """Check, measure, print, record."""
    args = arguments(__doc__, rounds=9).parse_args()
    utterances = corpus(args.data).utterances
    waveforms = [read_audio(u.path) if u.path else u.waveform.copy() for u in utterances]
    functions = {
        "numser": log_mel,
        "librosa": with_librosa,
        "torchaudio": make_torchaudio(),
        "torch.stft": make_torch(),
    }
    functions = {name: function for name, function in functions.items() if function}

    errors = {}
    for name, function in functions.items():
        errors[name] = max(float(np.abs(function(w) - log_mel(w)).max()) for w in waveforms)
        if errors[name] > TOLERANCE:
            raise SystemExit(f"{name}: differs from numser by {errors[name]:.3f} dB, allowed are {TOLERANCE} dB")
    seconds = sum(map(len, waveforms)) / PAPER.sample_rate
    print(f"{len(waveforms)} utterances, {seconds:.0f} s of speech, medians of {args.rounds} rounds")
    print("largest differences: " + ", ".join(f"{name} {e:.1e} dB" for name, e in errors.items() if name != "numser"))

    results = {}
    for threads in sorted({1, args.threads}):
        torch.set_num_threads(threads)
        with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:

            def each(name, threads=threads, pool=pool):
                alone = threads == 1 or name.startswith("torch")  # PyTorch has threads of its own
                return list((map if alone else pool.map)(functions[name], waveforms))

            times = alternate({name: lambda name=name, each=each: each(name) for name in functions}, args.rounds)
        print(f"\n{threads} thread{'s' * (threads > 1)}, all utterances")
        show(times)
        results[threads] = times
    record(args, {"utterances": len(waveforms), "seconds": seconds}, {"threads": results, "largest_dB": errors})


if __name__ == "__main__":
    main()
