"""Recordings of any length: windows of sound, and what the network makes of each."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from numser import audio
from numser.audio import read_audio
from numser.errors import InputError
from numser.features import PAPER
from numser.model import SeparableSER
from numser.predict import main
from numser.recogniser import Recogniser, overall, predict_windows


@pytest.fixture
def model_file(recogniser, tmp_path):
    recogniser.save(tmp_path / "model.npz")
    return str(tmp_path / "model.npz")


def noise(seconds, rate=16_000, channels=1):
    """Noise whose loudness changes, so that no two parts are alike."""
    n = round(seconds * rate)
    loudness = np.interp(np.arange(n), np.linspace(0, n, 9), [0.1, 0.3, 0.01, 0.2, 0.02, 0.3, 0.05, 0.1, 0.01])
    return np.random.default_rng(1).standard_normal((n, channels)) * loudness[:, None]


@pytest.fixture
def write(tmp_path):
    def write(name, samples, rate=16_000):
        soundfile.write(tmp_path / name, samples, rate)
        return tmp_path / name

    return write


@pytest.mark.parametrize(
    ("seconds", "step", "starts"),
    [
        (0.5, 7, [0]),
        (7, 7, [0]),
        (7.05, 7, [0]),  # what is left is too short for a window of its own
        (7.25, 7, [0, 0.25]),
        (14, 7, [0, 7]),
        (20, 7, [0, 7, 13]),
        (10, 1, [0, 1, 2, 3]),
        (10, 2, [0, 2, 3]),
    ],
)
@pytest.mark.parametrize("rate", [16_000, 8_000])
def test_where_windows_begin(write, seconds, step, starts, rate):
    path = write("a.wav", noise(seconds, rate), rate)
    found = list(audio.windows(path, 7, step))
    assert [start for start, _ in found] == starts
    assert {len(waveform) for _, waveform in found} == {round(min(seconds, 7) * 16_000)}


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3"])
def test_windows_are_parts_of_the_recording(write, name):
    """Also of an MP3, where seeking, even to where one is, spoils what comes next."""
    path = write(name, noise(20, channels=2))
    whole = read_audio(path)
    for start, waveform in audio.windows(path, 7, 2.5):
        begin = round(start * 16_000)
        np.testing.assert_allclose(waveform, whole[begin : begin + len(waveform)], atol=1e-6)


def test_a_window_is_resampled_as_if_it_were_a_file(write):
    samples = noise(16, 44_100)
    path = write("a.wav", samples, 44_100)
    _, (start, second), _ = audio.windows(path, 7, 7)
    assert start == 7
    part = read_audio(write("part.wav", samples[7 * 44_100 : 14 * 44_100], 44_100))
    np.testing.assert_array_equal(second, part)


def test_many_channels_are_read_in_parts(write, monkeypatch):
    path = write("a.wav", noise(1, channels=60))
    whole = read_audio(path)
    sizes = []
    plain = soundfile.SoundFile.read
    monkeypatch.setattr(soundfile.SoundFile, "read", lambda *a, **k: sizes.append(a[1]) or plain(*a, **k))
    ((_, waveform),) = audio.windows(path, 7, 7)
    np.testing.assert_array_equal(waveform, whole)
    assert max(sizes) * 60 <= 2**20


def test_each_window_is_recognised_as_if_it_were_a_recording_of_its_own(recogniser, write):
    path = write("a.wav", noise(20))
    found = [window for _, window in predict_windows(recogniser, [("a", path)], step=3, threads=2)]
    assert [window.start for window in found] == [0, 3, 6, 9, 12, 13]
    whole = read_audio(path)
    for window in found:
        part = whole[round(window.start * 16_000) : round(window.end * 16_000)]
        alone = recogniser.predict(part, 16_000)
        for label, share in alone.probabilities.items():
            assert window.prediction.probabilities[label] == pytest.approx(share, rel=1e-4)
        np.testing.assert_allclose(window.prediction.attention, alone.attention, rtol=1e-3)
        np.testing.assert_allclose(window.prediction.seconds, window.start + alone.seconds)


def test_files_keep_their_order_and_a_bad_one_stops_no_other(recogniser, write, tmp_path):
    (tmp_path / "bad.wav").write_bytes(b"RIFF")
    paths = [
        write("a.wav", noise(15)),
        tmp_path / "bad.wav",
        write("b.wav", noise(1)),
        write("s.wav", np.zeros(9000)),
    ]
    found = list(predict_windows(recogniser, [(f"file {i}", path) for i, path in enumerate(paths)]))
    assert [i for i, _ in found] == [0, 0, 0, 1, 2, 3]
    assert str(found[3][1]).startswith("file 1: cannot be read as sound")
    assert str(found[5][1]).startswith("file 3: no speech to be heard")
    assert found[4][1].prediction is not None


def test_a_recording_that_breaks_off_keeps_what_came_before(recogniser, tmp_path, write):
    samples = noise(15)[:, 0].astype(np.float32)
    samples[-10] = np.nan
    soundfile.write(tmp_path / "a.wav", samples, 16_000, subtype="FLOAT")
    found = [window for _, window in predict_windows(recogniser, [("a", tmp_path / "a.wav")])]
    assert [type(window).__name__ for window in found] == ["Window", "Window", "InputError"]
    assert "NaN" in str(found[2])


def test_silence_in_a_long_recording(recogniser, write):
    samples = noise(21)
    samples[7 * 16_000 : 14 * 16_000] = 0
    found = [window for _, window in predict_windows(recogniser, [("a", write("a.wav", samples))])]
    assert [window.prediction is None for window in found] == [False, True, False]
    shares = overall(found).probabilities
    for label in recogniser.labels:
        ends = [found[0].prediction.probabilities[label], found[2].prediction.probabilities[label]]
        assert shares[label] == pytest.approx(np.mean(ends))


@pytest.mark.parametrize("step", [0, -1, 7.5, float("nan"), 0.01])
def test_a_step_that_is_no_part_of_a_window(recogniser, step):
    with pytest.raises(InputError, match=r"step .*: should be from 0.1 to 7 seconds"):
        list(predict_windows(recogniser, [], step))


def test_as_text(model_file, write, capsys):
    files = [write("long.wav", noise(15)), write("short.wav", noise(1))]
    assert main([model_file, *map(str, files)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[0] for line in lines] == [
        f"{files[0]} 0.0–7.0 s",
        f"{files[0]} 7.0–14.0 s",
        f"{files[0]} 8.0–15.0 s",
        f"{files[0]}, mean of its windows",
        str(files[1]),
    ]
    shares = lines[-1].split("(")[1].rstrip(")").split("  ")
    assert [float(share.split()[1]) for share in shares] == sorted(
        (float(share.split()[1]) for share in shares), reverse=True
    )


def test_as_text_with_attention(model_file, write, recogniser, capsys):
    path = write("a.wav", noise(1))
    main([model_file, str(path), "--attention"])
    lines = capsys.readouterr().out.splitlines()[1:]
    prediction = recogniser.predict(read_audio(path), 16_000)
    assert [float(line.split()[0]) for line in lines] == pytest.approx(prediction.seconds, abs=0.006)
    assert [float(line.split()[2]) for line in lines] == pytest.approx(prediction.attention, abs=1e-5)


def test_as_csv(model_file, write, capsys, recogniser):
    samples = noise(15)
    samples[: 7 * 16_000] = 0
    path = write('a, "b".wav', samples)
    main([model_file, str(path), "--format", "csv"])
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(row["file"], row["start"], row["end"]) for row in rows] == [
        (str(path), "0.00", "7.00"),
        (str(path), "7.00", "14.00"),
        (str(path), "8.00", "15.00"),
    ]
    assert [row["label"] == "" for row in rows] == [True, False, False]
    assert [rows[0][label] for label in recogniser.labels] == ["", "", ""]
    assert sum(float(rows[1][label]) for label in recogniser.labels) == pytest.approx(1, abs=1e-5)
    assert rows[1]["label"] == max(recogniser.labels, key=lambda label: float(rows[1][label]))


def test_as_csv_with_attention(model_file, write, capsys):
    path = write("a.wav", noise(1))
    main([model_file, str(path), "--format", "csv", "--attention"])
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert sum(float(row["weight"]) for row in rows) == pytest.approx(1, abs=1e-4)
    seconds = [float(row["second"]) for row in rows]
    assert seconds == sorted(set(seconds)) and 0 < seconds[0] < seconds[-1] < 1


def test_as_json(model_file, write, tmp_path, capsys):
    files = [write("long.wav", noise(15)), tmp_path / "no.wav", write("short.wav", noise(1))]
    assert main([model_file, *map(str, files), "--format", "json", "--attention"]) == 2
    out, err = capsys.readouterr()
    long, short = json.loads(out)
    assert (long["file"], short["file"]) == (str(files[0]), str(files[2]))
    assert [window["end"] for window in long["windows"]] == [7, 14, 15]
    assert set(short["windows"][0]) == {"start", "end", "label", "probabilities", "attention"}
    assert short["probabilities"] == short["windows"][0]["probabilities"]
    attention = long["windows"][1]["attention"]
    assert sum(attention["weights"]) == pytest.approx(1, abs=1e-3)
    assert 7 <= attention["seconds"][0] < attention["seconds"][-1] <= 14
    assert err.startswith(f"error: {files[1]}: ")


def test_json_of_nothing_is_an_empty_list(model_file, tmp_path, capsys):
    assert main([model_file, str(tmp_path / "no.wav"), "--format", "json"]) == 2
    assert json.loads(capsys.readouterr().out) == []


def test_a_folder_is_searched(model_file, write, tmp_path, capsys):
    (tmp_path / "in").mkdir()
    write("in/b.wav", noise(0.3))
    write("in/a.FLAC", noise(0.3))
    (tmp_path / "in" / "notes.txt").write_text("")
    main([model_file, str(tmp_path / "in")])
    out, err = capsys.readouterr()
    assert [line.split(": ")[0] for line in out.splitlines()] == [
        str(tmp_path / "in" / "a.FLAC"),
        str(tmp_path / "in" / "b.wav"),
    ]
    assert "Passed over 1 file: 1 not sound (notes.txt)." in err


def predict(*args, **kwargs):
    return subprocess.run([sys.executable, "-m", "numser.predict", *args], capture_output=True, check=False, **kwargs)


@pytest.mark.slow
@pytest.mark.parametrize("length", [None, 0xFFFFFFFF], ids=["a file's", "a stream's, whose length is unknown"])
def test_standard_input(model_file, write, length):
    path = write("a.wav", noise(1))
    sound = bytearray(path.read_bytes())
    if length:  # as ffmpeg writes into a pipe
        sound[4:8] = sound[40:44] = length.to_bytes(4, "little")
    from_pipe, from_file = predict(model_file, "-", input=bytes(sound)), predict(model_file, str(path))
    assert from_pipe.returncode == 0
    assert from_pipe.stdout.decode().replace("standard input", str(path)) == from_file.stdout.decode()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="there a file that is open has a name, and is removed at the end")
@pytest.mark.parametrize("end", ["terminate", "kill"])
def test_what_was_spoken_does_not_outlive_the_command(model_file, tmp_path, end):
    folder = tmp_path / "temporary"
    folder.mkdir()
    command = [sys.executable, "-m", "numser.predict", str(model_file), "-"]
    environment = os.environ | {"TMPDIR": str(folder)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment) as process:
        process.stdin.write(bytes(10**6))  # more than a pipe holds: it is being kept
        process.stdin.flush()
        getattr(process, end)()
        process.stdin.close()
    assert list(folder.iterdir()) == []


def test_standard_input_that_is_no_sound(model_file):
    done = predict(model_file, "-", input=b"hello")
    assert done.returncode == 2
    assert done.stderr.decode().startswith("error: standard input: cannot be read as sound")
    with pytest.raises(InputError, match=r"^-: standard input can be read once; name it once"):
        main([model_file, "-", "-"])


def test_options_may_stand_anywhere(model_file, write, capsys):
    path = str(write("a.wav", noise(0.3)))
    for arguments in ([model_file, "--format", "csv", path], ["--format", "csv", model_file, path]):
        assert main(arguments) == 0
        assert capsys.readouterr().out.splitlines()[1].startswith(f"{path},0.00,0.30,")


def test_what_cannot_be_asked(model_file, recogniser, write, tmp_path):
    path = str(write("a.wav", noise(0.3)))
    with pytest.raises(InputError, match=r"model.npz: is the model; name the sound files after it"):
        main([model_file])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty: there are no sound files in it; name a folder that has some"):
        main([model_file, str(tmp_path / "empty")])
    plain = SeparableSER(3, blocks=0, attention=False)
    params = plain.init(np.random.default_rng(0))
    Recogniser(plain, params, recogniser.labels, PAPER, recogniser.standardiser).save(tmp_path / "plain.npz")
    with pytest.raises(InputError, match=r"--attention: the model in .* was made without it"):
        main([str(tmp_path / "plain.npz"), path, "--attention"])
    assert main([str(tmp_path / "plain.npz"), path, "--format", "json"]) == 0


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell how much memory was used")
def test_memory_does_not_grow_with_the_recording(model_file, tmp_path):
    """8 minutes at 48 kHz in stereo, 184 MB as floats, of which nothing but a few windows is ever held."""
    minute = noise(60, 48_000, 2).astype(np.float32)
    with soundfile.SoundFile(tmp_path / "long.wav", "w", 48_000, 2) as file:
        for _ in range(8):
            file.write(minute)
    program = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from mutated_input import peak_memory; from numser.predict import main\n"
        f"main([{model_file!r}, {str(tmp_path / 'part.wav')!r}])\n"
        "before = peak_memory()\n"
        f"main([{model_file!r}, {str(tmp_path / 'long.wav')!r}])\n"
        "print(peak_memory() - before, file=sys.stderr)"
    )
    soundfile.write(tmp_path / "part.wav", np.concatenate([minute] * 3), 48_000)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(done.stderr.split()[-1]) < 60e6
