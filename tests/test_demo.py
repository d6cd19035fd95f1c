"""What the demo answers, and what it does not: without a browser."""

import base64
import json
import re
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from conftest import cpu_seconds, noise
from demo_server import ask, sentence, served, sound

from numser.demo import MOST_BYTES, PLACES, demo_server
from numser.demo.answer import LONGEST, answer, growth
from numser.errors import InputError
from numser.features import FeatureSettings
from numser.page.utterance import small_log_mel
from numser.recogniser import PRETRAINED, load, overall, predict_windows


@pytest.fixture(scope="module")
def server(recogniser):
    with served(demo_server(recogniser, None)) as server:
        yield server


def predicted(recogniser, path):
    """What numser.predict makes of a file."""
    windows = [window for _, window in predict_windows(recogniser, [(str(path), path)])]
    return windows, overall(windows)


@pytest.mark.parametrize(
    ("seconds", "rate", "channels", "kind"),
    [
        (1.3, 16000, 1, "WAV"),
        (2, 44100, 2, "FLAC"),
        (3, 22050, 1, "OGG"),
        (2, 48000, 2, "MP3"),
        (16.4, 16000, 1, "WAV"),
    ],
)
def test_the_answer_is_that_of_predict(server, recogniser, tmp_path, seconds, rate, channels, kind):
    path = tmp_path / f"a.{kind.lower()}"
    path.write_bytes(sound(noise(seconds, rate, channels), rate, kind))
    status, _, content = ask(server, "POST", "/recognise", path.read_bytes())
    told = json.loads(content)
    windows, whole = predicted(recogniser, path)
    assert status == 200
    assert told["probabilities"] == list(whole.probabilities.values())
    assert recogniser.labels[told["predicted"]] == whole.label
    assert told["seconds"] == pytest.approx(windows[-1].end)
    assert len(told["windows"]) == len(windows) == (3 if seconds > 7 else 1)
    for shown, curve, window in zip(told["windows"], told["attention"], windows, strict=True):
        assert (shown["start"], shown["end"]) == (window.start, window.end)
        assert shown["probabilities"] == list(window.prediction.probabilities.values())
        assert (curve["first"], curve["last"]) == (window.prediction.seconds[0], window.prediction.seconds[-1])
        weights = np.array(curve["weights"]) * curve["peak"] / 255
        np.testing.assert_allclose(weights, window.prediction.attention, atol=curve["peak"] / 500)


def test_the_picture_is_the_reports(recogniser):
    waveform = noise(2.5)[:, 0].astype(np.float32)
    told = answer(recogniser, sound(waveform, subtype="FLOAT"))
    assert base64.b64decode(told["log_mel"]) == small_log_mel(waveform).tobytes()


def drawn(told):
    return np.frombuffer(base64.b64decode(told["log_mel"]), np.uint8).reshape(-1, 64).astype(int)


@pytest.mark.parametrize("level", ["absolute", "speech"])
def test_the_picture_of_a_long_recording_is_of_one_piece(recogniser, level):
    """Though each window's level may be taken out. Where two meet each is mirrored, and the columns there differ."""
    waveform = (noise(38)[:, 0] * np.linspace(0.02, 1, 38 * 16000)).astype(np.float32)
    told = answer(replace(recogniser, features=FeatureSettings(level=level)), sound(waveform, subtype="FLOAT"))
    shown, whole = drawn(told), small_log_mel(waveform).astype(int)
    assert shown.shape == whole.shape
    meet = [349, 350, 699, 700, 1049, 1050, 1399, 1400, 1550]  # the last window begins within the one before
    assert abs(np.delete(shown - whole, meet, 0)).max() <= 1
    assert abs(shown - whole)[meet].mean(1).max() < abs(np.diff(whole, axis=0)).mean()  # as neighbours do anyway


def test_the_picture_has_silence_and_keeps_its_axes(recogniser):
    waveform = noise(21)[:, 0].astype(np.float32)
    waveform[7 * 16000 : 14 * 16000] = 0
    told = answer(recogniser, sound(waveform, subtype="FLOAT"))
    assert [w["predicted"] is None for w in told["windows"]] == [False, True, False]
    assert (drawn(told)[351:699] == 0).all() and drawn(told)[[340, 710]].mean() > 100
    other = FeatureSettings(hop_length=80, max_frames=1400, fmax=4000.0)
    assert answer(replace(recogniser, features=other), sound(waveform, subtype="FLOAT"))["log_mel"] == told["log_mel"]


@pytest.mark.parametrize(("seconds", "read"), [(5, 5), (20, 20), (900, 301)])
def test_a_recording_is_read_once_and_no_further_than_it_may_be_long(recogniser, monkeypatch, seconds, read):
    recording = sound(np.tile(noise(5, 8000)[:, 0], seconds // 5), 8000)
    frames, plain = [], soundfile.SoundFile.read

    def counted(*args, **options):
        frames.append(len(part := plain(*args, **options)))
        return part

    monkeypatch.setattr(soundfile.SoundFile, "read", counted)
    try:
        answer(recogniser, recording)
    except InputError as mistake:
        assert seconds > LONGEST and "longer than 5 minutes" in str(mistake)
    assert sum(frames) == read * 8000


def test_pieces_of_a_recording_look_as_the_whole_will():
    waveform = noise(3, 48000)[:, 0]
    whole, piece = growth(sound(waveform, 48000)), growth(sound(waveform[48000 - 4800 : 96000 + 4800], 48000))
    whole, piece = (np.frombuffer(base64.b64decode(d["decibels"]), np.int8).reshape(-1, 64) for d in (whole, piece))
    np.testing.assert_allclose(piece[5:55].astype(int), whole[50:100], atol=1)


@pytest.mark.parametrize("length", ["known", "unknown"])
def test_a_piece_that_is_small_only_as_a_file_is_refused(length):
    flac = bytearray(sound(np.zeros((96_000 * 6, 8)), 96_000, "FLAC"))
    assert len(flac) < 2**16
    if length == "unknown":  # as in one that was written to a pipe
        flac[21] &= 0xF0
        flac[22:26] = bytes(4)
    with pytest.raises(InputError, match="this recording: it is longer than 5 minutes, or has too many channels"):
        growth(bytes(flac))


def hours(flac: bytes) -> bytes:
    """The same, with a header that says 2³⁶ − 1 samples."""
    return flac[:21] + bytes([flac[21] | 0xF]) + b"\xff" * 4 + flac[26:]


BAD = {
    "empty": (b"", "it is empty"),
    "text": (b"this is no sound at all, but only a text", "cannot be read as sound .*give WAV, FLAC, OGG or MP3"),
    "only a head": (sound(noise(1))[:44], "holds no samples"),
    "half a head": (sound(noise(1))[:20], "cannot be read as sound"),
    "silent": (sound(np.zeros(16000)), "no speech to be heard"),
    "long and silent": (sound(np.zeros(16000 * 20)), "no speech to be heard"),
    "a hiss": (sound(0.1 * np.random.default_rng(0).standard_normal(16000 * 20)), "no speech to be heard; give"),
    "too short": (sound(noise(0.01)), "too short|at least"),
    "too long": (sound(np.zeros(8000 * 301), 8000), "longer than 5 minutes, .*numser.predict"),
    "of many hours by its header": (
        hours(sound(noise(1), kind="FLAC")),
        "longer than 5 minutes, or has too many channels",
    ),
    "NaN": (sound(np.full(16000, np.nan), subtype="FLOAT"), "NaN or infinite"),
    "a page": (b"<script>alert(1)</script>", "cannot be read as sound"),
}


@pytest.mark.parametrize("bad", BAD)
def test_a_bad_recording_gets_a_sentence(server, bad, capfd):
    body, expected = BAD[bad]
    status = 400 if bad == "empty" else 415 if "cannot be read" in expected else 422
    assert re.search(expected, sentence(server, status, "POST", "/recognise", body))
    assert ask(server, "POST", "/recognise", sound(noise(1)))[0] == 200
    assert capfd.readouterr() == ("", "")


def test_damaged_sound_is_taken_or_refused_and_says_nothing_in_the_terminal(recogniser, capfd):
    rng, taken = np.random.default_rng(3), 0
    whole = [sound(noise(0.5), kind=kind) for kind in ("WAV", "FLAC", "OGG", "MP3", "AIFF", "CAF", "W64")]
    for i in range(210):
        damaged = bytearray(whole[i % len(whole)])
        for place in rng.integers(0, 120, 4):
            damaged[place] = rng.integers(256)
        try:
            answer(recogniser, bytes(damaged[: rng.integers(1, len(damaged) + 1)] if i % 3 == 0 else damaged))
            taken += 1
        except InputError as mistake:
            assert str(mistake).startswith("this recording: ")
    assert 20 < taken < 190
    assert capfd.readouterr() == ("", "")  # where libmpg123 would have its say


def test_the_page_says_what_the_model_is(recogniser, server, tmp_path):
    page = ask(server, "GET", "/")[2].decode()
    card = PRETRAINED.with_name("README.md").read_text(encoding="utf-8")
    (learned,) = re.findall(r"^\| what it learned from \| (.*) \|$", card, re.MULTILINE)
    assert learned in page and '["trained on","noise"]' in page
    path = tmp_path / "</script><script>harm().npz"
    with served(demo_server(recogniser, path)) as other:
        page = ask(other, "GET", "/")[2].decode()
    assert learned not in page and "<script>harm" not in page and "\\u003cscript>harm().npz" in page


def test_limits_are_what_the_page_is_told(server):
    told = re.search(r'<script type="application/json" id="data">(.*?)</script>', ask(server, "GET", "/")[2].decode())
    assert json.loads(told[1])["most"] == {"bytes": MOST_BYTES, "seconds": LONGEST}
    assert server.posts["/recognise"].queue.places == PLACES


def test_five_seconds_are_answered_soon():
    recogniser, spoken = load(), sound(noise(5, 48000), 48000)
    answer(recogniser, spoken)  # compiles
    assert min(cpu_seconds(lambda: answer(recogniser, spoken)) for _ in range(5)) < 0.3
