import csv
import signal
import subprocess
import sys
import time
from collections import Counter
from functools import cache

import numpy as np
import pytest
import soundfile
from conftest import cpu_seconds

from numser.audio import SAMPLE_RATE
from numser.cli import run
from numser.corpora import emodb, load_corpus, synthetic
from numser.corpora.synthetic import __main__ as command
from numser.corpora.synthetic.phones import syllables
from numser.corpora.synthetic.prosody import F0, RULES, plan
from numser.corpora.synthetic.voice import HOP, formant_cascade, glottal_source
from numser.errors import InputError
from numser.features import log_mel

FRAME = HOP / SAMPLE_RATE


@pytest.fixture(scope="module")
def whole():
    return synthetic.load().utterances


def full_strength(emotion):
    """What every speaker does in one text of each length, with all of `emotion` from beginning to end."""
    plans = []
    for number, speaker in enumerate(synthetic.SPEAKERS.values()):
        for text in ("a02", "b03"):
            said = syllables(synthetic.TEXTS[text])
            weights = np.ones(len(said))
            plans.append(plan(said, speaker, RULES[emotion], weights, np.random.default_rng(number)))
    return plans


def against_neutral(quantity, emotion):
    """Mean ratio of quantity(tracks, spans) to its value in the same texts by the same voices, spoken neutrally."""
    pairs = zip(full_strength(emotion), full_strength("neutral"), strict=True)
    return np.mean([quantity(*one) / quantity(*other) for one, other in pairs])


def mean_f0(tracks, spans):
    return tracks.f0[tracks.voicing > 0].mean()


def spread_of_f0(tracks, spans):
    return tracks.f0[tracks.voicing > 0].std() / mean_f0(tracks, spans)


def slope_of_f0(tracks, spans):
    voiced = np.flatnonzero(tracks.voicing > 0)
    return np.polyfit(voiced * FRAME, 12 * np.log2(tracks.f0[voiced]), 1)[0]


def speaking_time(tracks, spans):
    return (spans[:, 1] - spans[:, 0]).sum()


def pauses(tracks, spans):
    return (spans[1:, 0] - spans[:-1, 1]).sum()


def leave_one_speaker_out(features, labels, speakers):
    """UA of the nearest class centroid, each feature standardised on the speakers that are not tested."""
    right = np.zeros(len(labels), bool)
    classes = np.unique(labels)
    for speaker in np.unique(speakers):
        test = speakers == speaker
        train = features[~test]
        scaled = (features - train.mean(axis=0)) / train.std(axis=0)
        centroids = np.array([scaled[~test & (labels == name)].mean(axis=0) for name in classes])
        distances = ((scaled[test, None] - centroids) ** 2).sum(axis=-1)
        right[test] = classes[distances.argmin(axis=1)] == labels[test]
    return np.mean([right[labels == name].mean() for name in classes])


def test_ten_speakers_say_ten_texts_in_seven_emotions(whole):
    assert Counter(u.label for u in whole) == dict.fromkeys(sorted(synthetic.EMOTIONS), 100)
    assert Counter(u.speaker for u in whole) == dict.fromkeys(synthetic.SPEAKERS, 70)
    assert Counter(u.text for u in whole) == dict.fromkeys(synthetic.TEXTS, 70)
    names = [u.name for u in whole]
    assert len(set(names)) == 700 and names == sorted(names)
    assert all(u.name == f"{u.speaker}{u.text}{synthetic.EMOTIONS[u.label]}a" for u in whole)


def test_it_is_a_corpus_of_its_name(whole):
    corpus = load_corpus("synthetic")
    assert corpus.name == "synthetic" and corpus.source is None and corpus.utterances == whole
    assert corpus.findings[0].startswith("Made 700 utterances")


def test_waveforms_can_be_heard_and_cannot_be_changed(whole):
    for u in whole:
        assert u.waveform.dtype == np.float32 and u.waveform.ndim == 1 and u.path is None
        assert np.isfinite(u.waveform).all() and np.abs(u.waveform).max() == pytest.approx(0.98)
        assert 1 < len(u.waveform) / SAMPLE_RATE < 8
    with pytest.raises(ValueError):
        whole[0].waveform[0] = 0


def test_a_part_has_the_same_bits_as_the_whole(whole, monkeypatch):
    known = {u.name: u for u in whole}
    monkeypatch.setattr(synthetic, "perform", cache(synthetic.perform.__wrapped__))
    part = synthetic.load(speakers=["04", "07"], texts={"b02"}).utterances
    assert len(part) == 14
    for u in part:
        assert u.waveform is not known[u.name].waveform
        assert u.waveform.tobytes() == known[u.name].waveform.tobytes()
        assert (u.votes, u.span) == (known[u.name].votes, known[u.name].span)


def test_an_utterance_is_made_once():
    first, second = (synthetic.load(speakers=["01"], texts=["a01"]).utterances for _ in range(2))
    assert all(one is other for one, other in zip(first, second, strict=True))


def test_speech_is_made_20_times_as_fast_as_spoken(whole):  # `whole` has compiled the kernels
    def make():
        return [synthetic.perform.__wrapped__("05", "b01", emotion) for emotion in synthetic.EMOTIONS]

    spoken = sum(len(p.utterance.waveform) for p in make()) / SAMPLE_RATE
    assert min(cpu_seconds(make) for _ in range(3)) < spoken / 20


def test_wrong_names_are_told():
    with pytest.raises(InputError, match=r"needs no data"):
        synthetic.load("somewhere")
    with pytest.raises(InputError, match=r"speaker 11: .* only 01, 02"):
        synthetic.load(speakers=["11"])
    with pytest.raises(InputError, match=r"text c01: .* only a01"):
        synthetic.load(texts=["c01"])


def test_the_span_lies_within_the_utterance(whole):
    for u in whole:
        if u.label == "neutral":
            assert u.span is None
        else:
            start, end = u.span
            assert 0 < start < end < len(u.waveform) / SAMPLE_RATE
            assert end - start > 0.3 * (len(u.waveform) / SAMPLE_RATE - 0.24)


def test_outside_the_span_the_voice_is_the_same_as_in_neutral_speech():
    said, speaker = syllables(synthetic.TEXTS["b01"]), synthetic.SPEAKERS["03"]
    weights = np.zeros(len(said))
    weights[4:9] = 0.8
    tracks, spans = plan(said, speaker, RULES["sadness"], weights, np.random.default_rng(0))
    inside = slice(round(spans[5, 0] / FRAME), round(spans[7, 1] / FRAME))
    before, after = slice(0, round(spans[3, 0] / FRAME)), slice(round(spans[10, 0] / FRAME), None)
    assert (tracks.tilt[inside] > speaker.tilt + 10).all()
    for outside in (before, after):
        assert tracks.tilt[outside] == pytest.approx(speaker.tilt)
        assert tracks.open_quotient[outside] == pytest.approx(speaker.open_quotient)


@pytest.mark.parametrize("emotion", sorted(RULES))
def test_mean_pitch_follows_the_rule(emotion):
    assert against_neutral(mean_f0, emotion) == pytest.approx(RULES[emotion].f0_mean / 100, abs=0.05)


def test_other_rules_hold():
    assert against_neutral(spread_of_f0, "anger") > 1.2
    assert against_neutral(spread_of_f0, "happiness") > 1.5
    assert against_neutral(slope_of_f0, "disgust") > 1.5
    assert against_neutral(slope_of_f0, "sadness") < 0.6
    assert against_neutral(speaking_time, "disgust") == pytest.approx(1.35, abs=0.03)
    assert against_neutral(speaking_time, "anger") < 0.9
    assert 1.2 < against_neutral(speaking_time, "sadness") < 1.5  # vowels are undershot, so they lengthen less
    assert against_neutral(pauses, "fear") == pytest.approx(1.5, abs=0.1)
    for emotion in RULES:
        for tracks, _ in full_strength(emotion):
            assert F0[0] <= tracks.f0.min() and tracks.f0.max() <= F0[1]
            assert tracks.open_quotient.min() >= 0.3 - 1e-9 and tracks.open_quotient.max() <= 1 + 1e-9
            assert tracks.tilt.min() >= -1e-9 and tracks.tilt.max() <= 24 + 1e-9


def test_the_sound_has_the_pitch_that_was_planned():
    performance = synthetic.perform("03", "a01", "neutral")
    waveform, f0 = np.float64(performance.utterance.waveform), performance.f0
    errors = []
    for middle in np.flatnonzero(~np.isnan(f0))[::10]:
        piece = waveform[middle * HOP - 400 : middle * HOP + 400]
        if np.isnan(f0[middle - 12 : middle + 13]).any():
            continue
        lags = np.correlate(piece, piece, mode="full")[len(piece) - 1 :]
        shortest, longest = SAMPLE_RATE // 300, SAMPLE_RATE // 70
        lag = shortest + lags[shortest:longest].argmax()
        errors.append(abs(SAMPLE_RATE / lag / f0[middle] - 1))
    assert len(errors) > 20 and np.median(errors) < 0.03


def test_little_of_the_source_folds_back():
    f0, frames = 437.3, 1000
    full = np.ones(frames)
    silence = np.zeros(frames * HOP)
    source = glottal_source(f0 * full, 0.6 * full, 8 * full, 0 * full, 0 * full, full, 0 * full, silence)
    frequency = np.fft.rfftfreq(2**14, 1 / SAMPLE_RATE)
    power = np.abs(np.fft.rfft(source[8000 : 8000 + 2**14] * np.blackman(2**14))) ** 2
    harmonic = np.abs((frequency / f0 + 0.5) % 1 - 0.5) * f0 < 6
    audible = frequency < 4000
    assert power[audible & ~harmonic].sum() < 1e-5 * power[audible & harmonic].sum()


def test_periods_and_pulses_vary_as_jitter_and_shimmer_say():
    frames = 3000
    full, noise = np.ones(frames), np.random.default_rng(0).standard_normal(frames * HOP)

    def pulses(jitter, shimmer):
        source = glottal_source(
            100 * full, 0.6 * full, 0 * full, jitter * full, shimmer * full, full, 0 * full, noise
        )
        closures = np.flatnonzero((source[1:-1] < -0.5) & (source[1:-1] < source[:-2]) & (source[1:-1] <= source[2:]))
        return np.diff(closures), -source[closures + 1]

    periods, heights = pulses(0.05, 0)
    # A pulse closes after 0.6 of its period: from closure to closure is 0.4 of one period and 0.6 of the next.
    assert periods.std() / periods.mean() == pytest.approx(0.05 * np.hypot(0.4, 0.6), rel=0.1)
    periods, heights = pulses(0, 0.1)
    assert np.ptp(periods) <= 1 and heights.std() / heights.mean() == pytest.approx(0.1, rel=0.1)


def test_moving_formants_do_not_crackle():
    frames = 600
    full, silence = np.ones(frames), np.zeros(frames * HOP)
    source = glottal_source(230 * full, 0.4 * full, 24 * full, 0 * full, 0 * full, full, 0 * full, silence)
    f1 = np.interp(np.arange(frames), (300, 320), (250, 750))  # as fast as from [d] to [a]
    formants = np.column_stack([f1, *(f * full for f in (1400, 2500, 3500, 4500, 5500, 6500, 7500))])
    voice = formant_cascade(source, formants, np.full_like(formants, 40))
    spectrum = np.fft.rfft(voice)
    spectrum[np.fft.rfftfreq(len(voice), 1 / SAMPLE_RATE) < 5000] = 0
    loudest = np.abs(np.fft.irfft(spectrum)).reshape(frames, HOP).max(axis=1)
    assert loudest[290:340].max() < 1.5 * loudest[400:590].max()


def test_votes_are_fewer_where_the_emotion_is_weak(whole):
    performances = [p for p in synthetic.performances() if p.utterance.label != "neutral"]
    strength = np.array([p.strength for p in performances])
    share = np.array([p.utterance.votes for p in performances])
    assert strength.min() >= 0.6 and strength.max() <= 1
    assert share[strength < 0.7].mean() + 0.05 < share[strength > 0.9].mean()
    assert all(len(p.votes) == 6 and p.votes.count(p.utterance.label) == 6 * p.utterance.votes for p in performances)
    levels = [(share == 1).mean(), ((share < 1) & (share >= 0.65)).mean(), (share < 0.65).mean()]
    assert min(levels) > 0.05  # all three difficulty levels exist


def test_neighbours_are_mistaken_for_each_other(whole):
    heard = Counter((p.utterance.label, vote) for p in synthetic.performances() for vote in p.votes)
    assert heard["sadness", "boredom"] > 10 * heard["sadness", "happiness"]
    assert heard["anger", "disgust"] > 10 * heard["anger", "boredom"]


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(synthetic, "SPEAKERS", {"02": synthetic.SPEAKERS["02"]})
    monkeypatch.setattr(synthetic, "TEXTS", {"a01": synthetic.TEXTS["a01"]})
    monkeypatch.setattr(synthetic, "perform", cache(synthetic.perform.__wrapped__))


def test_the_written_folder_reads_as_emodb(small, tmp_path, capsys):
    folder = tmp_path / "new" / "corpus"
    command.main([str(folder)])
    assert "7 recordings" in capsys.readouterr().err
    assert [p.name for p in folder.parent.iterdir()] == ["corpus"]
    made = synthetic.load().utterances
    read = emodb.load(folder).utterances
    assert [(u.name, u.label, u.speaker, u.text) for u in read] == [
        (u.name, u.label, u.speaker, u.text) for u in made
    ]
    for one, other in zip(read, made, strict=True):
        assert one.votes == pytest.approx(other.votes, abs=1e-4)
        waveform, rate = soundfile.read(one.path, dtype="float32")
        assert rate == SAMPLE_RATE and soundfile.info(one.path).subtype == "PCM_16"
        assert np.abs(waveform - other.waveform).max() <= 1 / 2**15
    with open(folder / "votes.csv", newline="") as file:
        votes = list(csv.DictReader(file))
    assert len(votes) == 7 * 6 and votes[0]["file"] == "02a01Aa.wav" and votes[0]["listener"] == "1"
    with open(folder / "spans.csv", newline="") as file:
        spans = {row["file"]: row for row in csv.DictReader(file)}
    assert len(spans) == 6 and "02a01Na.wav" not in spans
    for u in made:
        if u.span:
            row = spans[f"{u.name}.wav"]
            assert (float(row["start"]), float(row["end"])) == pytest.approx(u.span, abs=1e-3)
            assert 0.6 <= float(row["strength"]) <= 1


def test_only_a_new_or_empty_folder_is_written(small, tmp_path, capsys):
    kept = tmp_path / "kept"
    kept.write_text("mine")
    for folder, message in ((tmp_path, "is not empty"), (kept, "is a file")):
        with pytest.raises(SystemExit) as end:
            run(lambda folder=folder: command.main([str(folder)]))
        assert end.value.code == 2
        assert message in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["kept"]
    empty = tmp_path / "empty"
    empty.mkdir()
    command.main([str(empty)])
    assert len(list((empty / "wav").iterdir())) == 7


def test_nothing_is_left_of_an_interrupted_writing(small, tmp_path, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(soundfile, "write", interrupt)
    with pytest.raises(KeyboardInterrupt):
        command.main([str(tmp_path / "corpus")])
    assert not list(tmp_path.iterdir())


LIMITED = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
from numser.cli import run
from numser.corpora.synthetic.__main__ import main
run(main)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the size of files cannot be limited on Windows")
def test_a_disk_that_is_full(tmp_path):
    """A limit to the size of files stands in for it."""
    folder = tmp_path / "corpus"
    done = subprocess.run([sys.executable, "-c", LIMITED, folder], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {folder}: cannot be made (File too large); name a folder")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="it has other signals")
def test_nothing_is_left_by_who_is_asked_to_end(tmp_path):
    command = [sys.executable, "-m", "numser.corpora.synthetic", tmp_path / "corpus"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        while not list(tmp_path.glob(".corpus-*/wav/*")):
            assert process.poll() is None
            time.sleep(0.01)
        process.terminate()
    assert process.returncode == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_label_is_not_written_into_averages(whole):
    """What a network must beat: averages over the utterance, compared with those of other speakers."""
    labels = np.array([u.label for u in whole])
    speakers = np.array([u.speaker for u in whole])
    spectra = np.array([log_mel(u.waveform).mean(axis=0) for u in whole])
    averages = np.array(
        [
            (len(p.utterance.waveform), np.log(p.utterance.waveform.std()), np.nanmean(p.f0))
            for p in synthetic.performances()
        ]
    )
    shuffled = np.random.default_rng(0).permutation(labels)
    for features in (spectra, spectra - spectra.mean(axis=1, keepdims=True), averages):
        assert 0.2 < leave_one_speaker_out(features, labels, speakers) <= 0.65
        assert leave_one_speaker_out(features, shuffled, speakers) == pytest.approx(1 / 7, abs=0.06)
