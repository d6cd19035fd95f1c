"""Recognising one person, of whom some recordings are at hand."""

import numpy as np
import pytest
import soundfile

from numser import predict
from numser.corpora import synthetic
from numser.errors import InputError
from numser.features import Standardiser


@pytest.fixture(scope="module")
def sounds() -> list[np.ndarray]:
    """Seven emotions of one made voice."""
    return [u.waveform for u in synthetic.load(speakers=["01"], texts=["a02"]).utterances]


def random_log_mels(count, seed=0):
    rng = np.random.default_rng(seed)
    return [(10 * rng.standard_normal((50, 4)) + [1, 2, 3, 4]).astype(np.float32) for _ in range(count)]


def test_by_hand():
    of_all = Standardiser(np.array([1.0, 0.0], np.float32), np.array([2.0, 3.0], np.float32))
    own = np.array([[5.0, 7.0], [9.0, 7.0]], np.float32)  # mean 7 and 7, sd 2 and (never changing) 1
    person = of_all.for_speaker([own])
    k = 1 / 6
    np.testing.assert_allclose(person.mean, [k * 7 + (1 - k) * 1, k * 7], rtol=1e-6)
    np.testing.assert_allclose(person.sd, [2, np.sqrt(k * 1 + (1 - k) * 9)], rtol=1e-6)


def test_the_more_is_known_of_a_microphone_the_less_it_matters():
    log_mels, microphone = random_log_mels(45), np.array([3, -2, 8, 0], np.float32)
    of_all = Standardiser.fit(log_mels)
    left = []
    for n in (1, 5, 45):
        here = of_all.for_speaker(log_mels[:n]).apply(log_mels[0])
        there = of_all.for_speaker([x + microphone for x in log_mels[:n]]).apply(log_mels[0] + microphone)
        left.append(np.abs(there - here).max())
    without = np.abs(of_all.apply(log_mels[0] + microphone) - of_all.apply(log_mels[0])).max()
    np.testing.assert_allclose(np.array(left) / without, [5 / 6, 1 / 2, 1 / 10], rtol=0.1)


def test_other_bands_are_refused():
    with pytest.raises(ValueError, match="log_mels: should have 4 bands, found 3"):
        Standardiser.fit(random_log_mels(2)).for_speaker([np.zeros((5, 3), np.float32)])


def test_a_recogniser_for_a_person(recogniser, sounds):
    person = recogniser.for_speaker(sounds, 16000)
    stereo = recogniser.for_speaker([np.stack([s, s], 1) for s in sounds], 16000)
    np.testing.assert_allclose(person.standardiser.mean, stereo.standardiser.mean, atol=1e-4)
    assert person.params is recogniser.params
    one, other = (r.predict(sounds[0], 16000).probabilities for r in (person, recogniser))
    assert one != other


def test_recordings_may_come_one_by_one(recogniser, sounds):
    listed, came = (recogniser.for_speaker(some, 16_000) for some in (sounds[:2], iter(sounds[:2])))
    np.testing.assert_array_equal(listed.standardiser.mean, came.standardiser.mean)


@pytest.mark.parametrize(
    ("waveforms", "names", "match"),
    [
        (np.ones(100), None, "^waveforms: should be several recordings, found one ndarray; give a list"),
        (None, None, "^waveforms: should be several recordings, found one NoneType"),
        ([np.ones(100)], ["a", "b"], "^names: should be 1, one for each waveform, found 2"),
        (2 * [np.ones(100)], np.array(["a", "b"]), "^a: lasts 6 ms"),
    ],
)
def test_what_cannot_be_recordings_of_a_person(recogniser, waveforms, names, match):
    with pytest.raises(InputError, match=match):
        recogniser.for_speaker(waveforms, 16_000, names)


def test_a_person_of_whom_nothing_is_known(recogniser, sounds):
    with pytest.raises(InputError, match="waveforms: holds no recording of the person"):
        recogniser.for_speaker([], 16000)
    with pytest.raises(InputError, match=r"waveforms\[1\]: "):
        recogniser.for_speaker([sounds[0], np.zeros(16000, np.float32)], 16000)


def test_the_command(recogniser, sounds, tmp_path, capsys):
    recogniser.save(tmp_path / "model.npz")
    (tmp_path / "person").mkdir()
    for i, sound in enumerate(sounds):
        soundfile.write(tmp_path / "person" / f"{i}.wav", sound, 16000, subtype="FLOAT")
    args = [str(tmp_path / "model.npz"), str(tmp_path / "person" / "0.wav")]
    assert predict.main([*args, "--same-speaker", str(tmp_path / "person")]) == 0
    out, err = capsys.readouterr()
    assert f"--same-speaker: 7 recordings of this person in {tmp_path / 'person'}" in err
    expected = recogniser.for_speaker(sounds, 16000).predict(sounds[0], 16000)
    assert f"0.wav: {expected.label}  (" in out
    for label, share in expected.probabilities.items():
        assert f"{label} {share:.3f}" in out
    predict.main(args)
    assert capsys.readouterr().out != out


def test_folders_that_hold_no_person(recogniser, tmp_path):
    recogniser.save(tmp_path / "model.npz")
    args = [str(tmp_path / "model.npz"), "a.wav", "--same-speaker"]
    with pytest.raises(InputError, match=r"--same-speaker .*nowhere: there is no such folder"):
        predict.main([*args, str(tmp_path / "nowhere")])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty: .*; name a folder that has some"):
        predict.main([*args, str(tmp_path / "empty")])
    soundfile.write(tmp_path / "empty" / "silent.wav", np.zeros(16000), 16000)
    with pytest.raises(InputError, match=r"silent\.wav: "):
        predict.main([*args, str(tmp_path / "empty")])
