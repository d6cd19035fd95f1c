"""Files that libsndfile does not read, or not to their end; and channels that cancel."""

import errno
import io
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from conftest import syllables

from numser.audio import duration, read_audio, to_mono_16k, windows
from numser.corpora.recordings import sound_files
from numser.decode import Sound
from numser.errors import InputError, InputWarning
from numser.predict import main
from numser.streams import View

FFMPEG = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="the program ffmpeg is not installed")
RATE = 16_000


def voice(seconds=2.0, seed=0):
    """Noise that swells and ebbs, so that no two parts are alike."""
    n = round(seconds * RATE)
    return (0.1 * np.random.default_rng(seed).standard_normal(n) * syllables(n)).astype(np.float32)


def encoded(samples, kind, **how):
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format=kind, **how)
    return file.getvalue()


def ffmpeg(wav, *arguments):
    """What ffmpeg makes of a WAV, without a file to go back in."""
    command = ["ffmpeg", "-v", "error", "-i", "pipe:0", *arguments, "pipe:1"]
    return subprocess.run(command, input=wav, capture_output=True, check=True).stdout


def without_ffmpeg(monkeypatch):
    monkeypatch.setenv("PATH", os.devnull)


def alike(found, expected, at=0):
    """How much the sound at about this place of what was found is what was expected: a correlation."""
    part = found[at : at + len(expected) + 3000]
    spectra = np.fft.rfft(part, 2 * len(part)) * np.fft.rfft(expected, 2 * len(part)).conj()
    shift = max(int(np.fft.irfft(spectra)[:3000].argmax()), 0)
    part = part[shift : shift + len(expected)]
    return np.corrcoef(part, expected[: len(part)])[0, 1]


def unfinished(wav, sizes=(40,)):
    wav = bytearray(wav)
    for at in sizes:
        wav[at : at + 4] = bytes(4)
    return bytes(wav)


@pytest.mark.parametrize("sizes", [(40,), (4, 40)], ids=["the data's size", "both sizes"])
def test_a_wav_whose_recorder_died_is_read_to_its_end(tmp_path, sizes):
    (tmp_path / "a.wav").write_bytes(unfinished(encoded(voice(), "WAV"), sizes))
    with pytest.warns(InputWarning, match=r"a\.wav: its header is unfinished, .*; read to the end"):
        found = read_audio(tmp_path / "a.wav")
    np.testing.assert_allclose(found, voice(), atol=4e-5)


@pytest.mark.parametrize(("kind", "at", "size"), [("AU", 8, 0), ("RF64", 28, 0), ("WAV", 40, RATE)])
def test_so_are_others_and_one_whose_header_knows_of_a_part(tmp_path, kind, at, size):
    sound = bytearray(encoded(voice(), kind))
    sound[at : at + 4] = size.to_bytes(4, "little")
    (tmp_path / "a.wav").write_bytes(sound)
    with pytest.warns(InputWarning, match=r"a\.wav: its header is unfinished"):
        assert len(read_audio(tmp_path / "a.wav")) == 2 * RATE


@pytest.mark.parametrize("tail", [b"ID3\3" + bytes(range(250)) * 20, bytes(5000), b"LIST\x88\x13\0\0" + bytes(5000)])
def test_what_stands_behind_a_wavs_sound_is_not_taken_for_more(tmp_path, tail):
    (tmp_path / "a.wav").write_bytes(encoded(voice(), "WAV") + tail)
    assert len(read_audio(tmp_path / "a.wav")) == 2 * RATE


@pytest.mark.parametrize("more", [b"", b"LIST\x04\0\0\0INFO"], ids=["nothing", "a list"])
def test_a_wav_without_samples_stays_empty(tmp_path, more):
    (tmp_path / "a.wav").write_bytes(encoded(np.zeros(0), "WAV")[:44] + more)
    with pytest.raises(InputError, match="it holds no samples; record it anew"):
        read_audio(tmp_path / "a.wav")


@pytest.mark.parametrize("blocks", [1, 2, 11, 50])
def test_a_gsm_wav_ends_with_its_last_block(tmp_path, blocks):
    phone = tmp_path / "phone.wav"
    phone.write_bytes(encoded(voice()[: blocks * 320], "WAV", subtype="GSM610"))
    elsewhere = encoded(voice()[: blocks * 320], "W64", subtype="GSM610")
    expected = soundfile.read(io.BytesIO(elsewhere), dtype="float32")[0]
    assert duration(phone) == blocks * 320 / RATE
    assert np.array_equal(read_audio(phone), expected)
    (window,) = windows(io.BytesIO(phone.read_bytes()), 1, 1)
    assert np.array_equal(window[1], expected)


def test_a_flac_that_went_through_a_pipe_is_read_to_its_end(tmp_path):
    flac = bytearray(encoded(voice(), "FLAC"))
    flac[21] &= 0xF0  # the 36 bits of STREAMINFO that hold the number of samples; 0 means unknown
    flac[22:26] = bytes(4)
    (tmp_path / "a.flac").write_bytes(flac)
    np.testing.assert_allclose(read_audio(tmp_path / "a.flac"), voice(), atol=4e-5)
    assert duration(tmp_path / "a.flac") == 2
    assert [round(start, 1) for start, _ in windows(tmp_path / "a.flac", 1, 0.5)] == [0, 0.5, 1]


PHONES = {
    "a.m4a": ("-c:a", "aac", "-movflags", "frag_keyframe+empty_moov", "-f", "mp4"),
    "a.aac": ("-c:a", "aac", "-f", "adts"),
    "a.webm": ("-c:a", "libopus", "-f", "webm"),
    "a.ogg": ("-c:a", "flac", "-f", "ogg"),
    "called anything.wav": ("-c:a", "aac", "-f", "adts"),
}


@FFMPEG
@pytest.mark.parametrize("name", PHONES)
def test_what_libsndfile_does_not_know_is_decoded_by_ffmpeg(tmp_path, name):
    (tmp_path / name).write_bytes(ffmpeg(encoded(voice(), "WAV"), *PHONES[name]))
    found = read_audio(tmp_path / name)
    assert len(found) == pytest.approx(2 * RATE, abs=2500)  # of the coder's own frames, and its delay
    assert alike(found, voice()) > 0.8
    assert duration(tmp_path / name) == pytest.approx(len(found) / RATE, abs=1e-3)


@pytest.mark.parametrize("head", [b"\0\0\0\x1cftypM4A ", b"\x1aE\xdf\xa3", b"\xff\xf1P\x80", b"#!AMR\n"])
def test_without_ffmpeg_a_sentence_says_what_to_type(tmp_path, monkeypatch, head):
    without_ffmpeg(monkeypatch)
    (tmp_path / "it's.m4a").write_bytes(head + bytes(100))
    with pytest.raises(
        InputError, match=r"is read through the program ffmpeg, which is not there; install it, or"
    ) as e:
        read_audio(tmp_path / "it's.m4a")
    command = str(e.value).split("elsewhere: ")[1]
    if sys.platform != "win32":
        words = subprocess.check_output(["/bin/sh", "-c", f"printf '%s\\n' {command}"], text=True).splitlines()
        assert words == ["ffmpeg", "-i", str(tmp_path / "it's.m4a"), str(tmp_path / "it's.wav")]


@FFMPEG
def test_ffmpeg_opens_no_other_file_than_the_one_it_is_given(tmp_path):
    """A list of files to play is no sound, though ffmpeg would play it."""
    soundfile.write(tmp_path / "secret.wav", voice(), RATE)
    for name in ("a.m4a", "a.wav", "a.mp3"):
        (tmp_path / name).write_text(f"ffconcat version 1.0\nfile '{tmp_path / 'secret.wav'}'\n")
        with pytest.raises(InputError, match="cannot be read as sound"):
            read_audio(tmp_path / name)
    (tmp_path / "b.m4a").write_bytes(b"\0\0\0\x1cftypM4A no more than that")
    with pytest.raises(InputError, match=r"b\.m4a: ffmpeg finds no sound in this MP4; give WAV"):
        read_audio(tmp_path / "b.m4a")


@pytest.mark.slow
@FFMPEG
def test_a_stream_of_a_browsers_is_decoded_too(recogniser, tmp_path, capsys):
    recogniser.save(tmp_path / "model.npz")
    webm = ffmpeg(encoded(voice(), "WAV"), *PHONES["a.webm"])
    (tmp_path / "a.webm").write_bytes(webm)
    out, err = command(tmp_path / "model.npz", "-").communicate(webm)
    main([str(tmp_path / "model.npz"), str(tmp_path / "a.webm")])
    assert (out.decode().replace("standard input", str(tmp_path / "a.webm")), err) == (capsys.readouterr().out, b"")


def test_what_ffmpeg_reads_is_found_in_folders(tmp_path):
    names = ["a.aac", "b.m4a", "c.webm", "film.mp4", "film.mov"]
    for name in (*names, "film.txt"):
        (tmp_path / name).touch()
    sounds, passed_over = sound_files(tmp_path, "")
    assert sorted(path.name for path in sounds) == sorted(names)
    assert [path.name for path in passed_over["not sound"]] == ["film.txt"]


def joined(kind):
    return encoded(voice(seed=1), kind) + encoded(voice(3, seed=2), kind)


@pytest.mark.parametrize(("ending", "kind"), [("wav", {"endian": "BIG"}), ("caf", {"subtype": "ALAC_16"})])
def test_what_ffmpeg_would_read_wrongly_is_left_to_libsndfile(tmp_path, ending, kind):
    """FFmpeg takes RIFX's bytes in the wrong order, and its newer versions cut ALAC's last packet."""
    sound = 0.5 * np.sin(np.arange(8000) / 9).astype(np.float32)
    soundfile.write(tmp_path / f"a.{ending}", sound, 16000, **kind)
    np.testing.assert_allclose(read_audio(tmp_path / f"a.{ending}"), sound, rtol=0, atol=1e-4)


@FFMPEG
@pytest.mark.parametrize("kind", ["MP3", "OGG"])
def test_files_that_were_joined_are_read_whole(tmp_path, kind):
    path = tmp_path / f"a.{kind.lower()}"
    path.write_bytes(joined(kind))
    found = read_audio(path)
    assert len(found) == pytest.approx(5 * RATE, abs=3000)
    assert alike(found, voice(seed=1)) > 0.8 and alike(found, voice(3, seed=2), 2 * RATE - 1000) > 0.8
    cut = list(windows(path, 1, 1))
    np.testing.assert_allclose(np.concatenate([w for _, w in cut[:4]]), found[: 4 * RATE], atol=1e-6)


@pytest.mark.parametrize("kind", ["MP3", "OGG"])
def test_without_ffmpeg_it_is_said_how_much_was_read(tmp_path, monkeypatch, kind):
    without_ffmpeg(monkeypatch)
    path = tmp_path / f"a.{kind.lower()}"
    path.write_bytes(joined(kind))
    with pytest.warns(InputWarning, match=r": only its first 2\.0 s can be read: .*; install the program ffmpeg"):
        assert len(read_audio(path)) == 2 * RATE
    with pytest.raises(InputError, match=r"sent: only its first 2\.0 s can be read: .*; convert it to WAV"):
        list(windows(io.BytesIO(joined(kind)), 7, 7, "sent"))


@pytest.mark.parametrize("kind", ["MP3", "OGG"])
def test_of_a_whole_file_nothing_is_said(tmp_path, monkeypatch, kind):
    """Neither of one with a tag at its end."""
    without_ffmpeg(monkeypatch)
    path = tmp_path / f"a.{kind.lower()}"
    path.write_bytes(encoded(voice(9), kind) + (b"TAG" + bytes(125) if kind == "MP3" else b""))
    assert len(read_audio(path)) == 9 * RATE


CUT = {
    "a.wav": "has 2.0 s of sound, and 4.0 by its header",
    "a.aiff": "has 2.0 s of sound, and 4.0 by its header",
    "a.au": "has 2.0 s of sound, and 4.0 by its header",
    "a.w64": "has 2.0 s of sound, and 4.0 by its header",
    "a.rf64": "has 2.0 s of sound, and 4.0 by its header",
    "a.mp3": r"has 1\.\d s of sound, and 4.0 by its header",
    "a.ogg": r"only \d\.\d s of it can be read",
}


@pytest.mark.parametrize("name", CUT)
def test_of_a_file_that_was_cut_off_it_is_said(tmp_path, name):
    whole = encoded(voice(4), name[2:].upper())
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    with pytest.warns(InputWarning, match=rf"{name}: {CUT[name]}: it is damaged, or was cut off$") as said:
        assert 1 <= len(list(windows(tmp_path / name, 1, 0.5))) <= 3
    assert len(said) == 1


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
@pytest.mark.parametrize("seconds", [0.1, 0.5, 1, 2, 4, 9])
def test_of_a_whole_ogg_nothing_is_said(tmp_path, subtype, seconds):
    """Of one page, for which libsndfile logs that the end is missing, or of many."""
    (tmp_path / "a.ogg").write_bytes(encoded(voice(seconds), "OGG", subtype=subtype))
    assert len(read_audio(tmp_path / "a.ogg")) == seconds * RATE


@pytest.mark.parametrize("seconds", [4, 8])
def test_of_an_ogg_with_a_hole_it_is_said(tmp_path, seconds):
    ogg = encoded(voice(seconds), "OGG")
    (tmp_path / "a.ogg").write_bytes(ogg[: len(ogg) // 2] + bytes(3000) + ogg[len(ogg) // 2 + 3000 :])
    with pytest.warns(InputWarning, match=r"\d\.\d s of .*: it is damaged, or was cut off"):
        assert len(read_audio(tmp_path / "a.ogg")) < (seconds - 1) * RATE


@FFMPEG
@pytest.mark.parametrize("name", ["a.m4a", "a.aac", "a.webm"])
def test_of_a_phones_file_that_was_cut_off_it_is_said(tmp_path, name):
    whole = ffmpeg(encoded(voice(4), "WAV"), *PHONES[name])
    (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    with pytest.warns(InputWarning, match=r"only [12]\.\d s of it can be read: it is damaged, or was cut off"):
        read_audio(tmp_path / name)


def test_a_wav_that_is_longer_than_its_header_can_say_is_none_that_was_cut_off(tmp_path):
    """As programs write it that send it through a pipe."""
    for size in (2**31 - 37, 2**32 - 1):
        wav = bytearray(encoded(voice(), "WAV"))
        wav[40:44] = size.to_bytes(4, "little")
        (tmp_path / "a.wav").write_bytes(wav)
        assert len(read_audio(tmp_path / "a.wav")) == 2 * RATE


def damaged_flac(how):
    flac = encoded(voice(4), "FLAC")
    middle = len(flac) // 2
    return {
        "cut off": flac[:middle],
        "a hole": flac[:middle] + bytes(2000) + flac[middle + 2000 :],
        "a tag": flac + b"TAG" + bytes(125),
        "joined": 2 * flac,
    }[how]


@pytest.mark.parametrize("how", ["cut off", "a hole"])
def test_a_damaged_flac_is_read_up_to_there(tmp_path, monkeypatch, how):
    without_ffmpeg(monkeypatch)
    (tmp_path / "a.flac").write_bytes(damaged_flac(how))
    with pytest.warns(InputWarning, match=r"only its first 1\.\d s can be read: .*; install the program ffmpeg"):
        found = read_audio(tmp_path / "a.flac")
    assert len(found) > 1.5 * RATE
    np.testing.assert_allclose(found, voice(4)[: len(found)], atol=4e-5)


@FFMPEG
@pytest.mark.parametrize(("how", "seconds"), [("cut off", 1.7), ("a hole", 2.5)])
def test_ffmpeg_reads_of_a_damaged_flac_what_there_is(tmp_path, how, seconds):
    (tmp_path / "a.flac").write_bytes(damaged_flac(how))
    with pytest.warns(InputWarning, match=r"has [123]\.\d s of sound, and 4.0 by its header"):
        assert seconds * RATE < len(read_audio(tmp_path / "a.flac")) < 4 * RATE


def test_a_flac_may_have_a_tag_behind_it(tmp_path, monkeypatch):
    without_ffmpeg(monkeypatch)
    (tmp_path / "a.flac").write_bytes(damaged_flac("a tag"))
    np.testing.assert_allclose(read_audio(tmp_path / "a.flac"), voice(4), atol=4e-5)


@FFMPEG
def test_joined_flacs_are_read_on_and_it_is_said_that_some_may_be_lost(tmp_path):
    (tmp_path / "a.flac").write_bytes(damaged_flac("joined"))
    with pytest.warns(InputWarning, match=r"goes on behind the 4\.0 s of its header, and not all of it may be heard"):
        assert len(read_audio(tmp_path / "a.flac")) > 7 * RATE


@FFMPEG
def test_an_mp3_that_does_not_say_its_length_is_read_whole(tmp_path):
    """libsndfile takes its first frame's bit rate for that of all."""
    quiet_first = np.concatenate([voice(2), 1e-3 * voice(2)])
    (tmp_path / "a.mp3").write_bytes(
        ffmpeg(encoded(quiet_first, "WAV"), "-c:a", "libmp3lame", "-q:a", "4", "-f", "mp3")
    )
    assert len(read_audio(tmp_path / "a.mp3")) == pytest.approx(4 * RATE, abs=3000)


def with_a_hole(seconds=8):
    mp3 = bytearray(encoded(voice(seconds), "MP3"))
    mp3[len(mp3) // 2 : len(mp3) // 2 + 2000] = bytes(2000)
    return bytes(mp3)


@FFMPEG
def test_behind_a_hole_an_mp3_goes_on(tmp_path, capfd):
    (tmp_path / "a.mp3").write_bytes(with_a_hole())
    with pytest.warns(InputWarning, match=r"has 7\.\d s of sound, and 8\.0 by its header"):
        found = read_audio(tmp_path / "a.mp3")
    assert 7 * RATE < len(found) < 8 * RATE
    assert alike(found, voice(8)[: 3 * RATE]) > 0.8
    tail = voice(8)[-2 * RATE :]
    assert max(alike(found, tail, at) for at in range(4 * RATE, 6 * RATE, 2000)) > 0.8
    assert capfd.readouterr().err == ""  # where libmpg123 would have its say


def test_an_mp3_whose_beginning_is_lost_is_quiet_too(tmp_path, capfd):
    mp3 = bytearray(encoded(np.concatenate([voice(2, seed=s) for s in range(3)]), "MP3"))
    mp3[: len(mp3) * 3 // 10] = bytes(len(mp3) * 3 // 10)  # the rest is an MP3 by its name alone
    (tmp_path / "a.mp3").write_bytes(mp3)
    with pytest.warns(InputWarning, match=r"has 4\.\d s of sound, and .* by its header"):
        read_audio(tmp_path / "a.mp3")
    assert capfd.readouterr().err == ""


def test_standard_error_is_numsers_own(tmp_path, monkeypatch, capfd):
    """What others write there meanwhile is not lost."""
    without_ffmpeg(monkeypatch)
    (tmp_path / "a.mp3").write_bytes(with_a_hole())
    plain = soundfile.SoundFile.read

    def read(*args, **options):
        os.write(2, b"somebody else\n")
        return plain(*args, **options)

    monkeypatch.setattr(soundfile.SoundFile, "read", read)
    with pytest.warns(InputWarning, match=r"only its first [34]\.\d s can be read"):
        assert 3 * RATE < len(read_audio(tmp_path / "a.mp3")) <= 4 * RATE
    said = capfd.readouterr().err
    assert said == said.count("somebody") * "somebody else\n" != ""


def test_impossible_places_are_not_gone_to():
    file = View(io.BytesIO(b"abcdef"))
    assert (file.seek(2), file.seek(-5), file.seek(2**70), file.read(9)) == (2, 2, 2, b"cdef")


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
@pytest.mark.parametrize(
    ("error", "said"),
    [(OSError(errno.EIO, "Input/output error"), "Input/output error"), (OSError("it is gone"), "it is gone")],
)
def test_what_breaks_off_while_it_is_read_is_no_shorter_sound(subtype, error, said):
    """As a stick that is pulled out, or a connection that is lost."""

    class Stick(io.BytesIO):
        pulled = False

        def read(self, count=-1):
            if self.pulled:
                raise error
            return super().read(count)

    stick, noise = Stick(), np.random.default_rng(0).uniform(-0.3, 0.3, 30 * RATE)
    soundfile.write(stick, noise, RATE, format="OGG", subtype=subtype)
    come = windows(stick, 5, 5, "a.ogg")
    assert len(next(come)[1]) == 5 * RATE
    stick.pulled = True
    with pytest.raises(InputError, match=rf"a.ogg: cannot be read to its end \({said}\); copy it anew"):
        list(come)
    with pytest.raises(InputError, match=rf"a.ogg: cannot be opened \({said}\)"):
        list(windows(stick, 5, 5, "a.ogg"))


@pytest.mark.parametrize("seconds", [1, 9])
def test_of_channels_that_cancel_the_louder_one_is_taken(tmp_path, seconds):
    x = voice(seconds)
    for other, expected in ((-x, x), (-0.95 * x, x), (-1.1 * x, -1.1 * x)):
        soundfile.write(tmp_path / "a.wav", np.stack([x, other], 1), RATE, subtype="FLOAT")
        with pytest.warns(
            InputWarning, match=r"a\.wav: its channels cancel each other.*; channel [12] is taken alone"
        ):
            found = read_audio(tmp_path / "a.wav")
        if np.array_equal(expected, x):
            np.testing.assert_allclose(found, x, atol=1e-6)
        else:
            np.testing.assert_allclose(np.abs(found), np.abs(expected), rtol=0.11, atol=1e-6)


def test_codec_residue_is_not_taken_for_speech(tmp_path):
    x = voice(3)
    (tmp_path / "a.mp3").write_bytes(encoded(np.stack([x, -x], 1), "MP3"))
    with pytest.warns(InputWarning, match="cancel each other"):
        assert alike(read_audio(tmp_path / "a.mp3"), x) > 0.8


def test_residue_may_be_as_strong_as_ogg_leaves_of_speech():
    """Its channels, at 64 kbit/s, differ from each other's inverse by as much as this."""
    x, residue = voice(3), 0.4 * voice(3, seed=1)
    with pytest.warns(InputWarning, match="cancel each other.*; channel 1 is taken alone"):
        np.testing.assert_array_equal(to_mono_16k(np.stack([x, residue - x], 1), RATE), x)


def test_channels_that_do_not_cancel_are_averaged():
    x, y = voice(1), voice(1, seed=1)
    silence = np.zeros_like(x)
    for channels in ([x, x], [x, y], [x, -y], [x, silence], [x, -0.5 * x], [silence, silence], [x] + 7 * [silence]):
        both = np.stack(channels, 1)
        np.testing.assert_array_equal(to_mono_16k(both, RATE), both.mean(1))


@pytest.fixture
def call(tmp_path):
    """A speaker a side, eight seconds of one and three of the other."""
    left, right = voice(8), np.pad(voice(3, seed=1), (0, 5 * RATE))
    soundfile.write(tmp_path / "call.wav", np.stack([left, right], 1), RATE, subtype="FLOAT")
    return tmp_path / "call.wav", left, right


@pytest.mark.parametrize("channel", ["left", "1", "right", "2", "mean", None])
def test_a_channel_can_be_chosen(call, channel):
    path, left, right = call
    expected = {"left": left, "1": left, "right": right, "2": right}.get(channel, (left + right) / 2)
    found = list(windows(path, 7, 7, channel=channel))
    np.testing.assert_allclose(found[0][1], expected[: 7 * RATE], atol=1e-6)
    np.testing.assert_allclose(found[1][1], expected[RATE:], atol=1e-6)


@pytest.mark.parametrize("channel", ["3", "0", "-1", "middle", ""])
def test_a_channel_that_is_not_there(recogniser, call, capsys, channel):
    path, model = call[0], call[0].with_name("model.npz")
    recogniser.save(model)
    assert main([str(model), str(path), f"--channel={channel}"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"error: --channel {channel}: {path} has 2; give left, right, mean or a number from 1 on\n"


def test_the_command_tells_one_side_from_the_other(recogniser, call, capsys):
    path, model = call[0], call[0].with_name("model.npz")
    recogniser.save(model)
    answers = set()
    for channel in ("left", "right", "mean"):
        assert main([str(model), str(path), "--channel", channel]) == 0
        answers.add(capsys.readouterr().out.splitlines()[-1])
    assert len(answers) == 3


def command(*arguments, **options):
    program = [sys.executable, "-m", "numser.predict", *map(str, arguments)]
    return subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def test_what_is_used_otherwise_than_it_stands_is_said_on_a_line_of_its_own(recogniser, tmp_path):
    recogniser.save(tmp_path / "model.npz")
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).write_bytes(unfinished(encoded(voice(), "WAV")))
    out, err = command(tmp_path / "model.npz", tmp_path / "a.wav", tmp_path / "b.wav").communicate()
    assert len(out.splitlines()) == 2
    assert [line.split(": its header")[0] for line in err.decode().splitlines()] == [
        f"note: {tmp_path / name}" for name in ("a.wav", "b.wav")
    ]


def test_a_telephones_stream_is_read_as_it_comes():
    wav = encoded(voice(), "WAV", subtype="ULAW")
    out, into = os.pipe()
    os.write(into, wav[: len(wav) // 2])  # and no end yet
    with open(out, "rb", buffering=0) as pipe, Sound(pipe, "a") as sound:
        assert len(sound.read(RATE // 2)) == RATE // 2
        os.close(into)


@pytest.mark.slow
@pytest.mark.parametrize("format", ["text", "csv"])
def test_windows_of_a_stream_are_printed_as_they_come(recogniser, tmp_path, capsys, format):
    """Before the stream has ended: it goes on only when the window was seen."""
    recogniser.save(tmp_path / "model.npz")
    wav = bytearray(encoded(voice(10), "WAV"))
    wav[4:8] = wav[40:44] = b"\xff" * 4
    second = 2 * RATE
    running = command(tmp_path / "model.npz", "-", "--step", "1", "--format", format, bufsize=0)
    lines, sent = [], 44 + 7 * second
    running.stdin.write(wav[:sent])
    if format == "csv":
        assert running.stdout.readline().startswith(b"file,start,end,label,")
    for begin in range(4):
        lines.append(running.stdout.readline().decode())
        assert f"{begin}.0" in lines[-1] and f"{begin + 7}.0" in lines[-1]
        running.stdin.write(wav[sent : sent + second])
        sent += second
    out, err = running.communicate()
    assert (running.returncode, err) == (0, b"")
    soundfile.write(tmp_path / "a.wav", voice(10), RATE)
    main([str(tmp_path / "model.npz"), str(tmp_path / "a.wav"), "--step", "1", "--format", format])
    whole = capsys.readouterr().out.replace(str(tmp_path / "a.wav"), "standard input")
    expected = whole.splitlines(keepends=True)
    assert lines + out.decode().splitlines(keepends=True) == expected[format == "csv" :]


@pytest.mark.slow
def test_another_stream_is_recognised_when_it_has_ended(recogniser, tmp_path, capsys):
    recogniser.save(tmp_path / "model.npz")
    (tmp_path / "a").write_bytes(encoded(voice(8), "OGG"))
    out, err = command(tmp_path / "model.npz", "-", "--step", "1").communicate(encoded(voice(8), "OGG"))
    assert err == b""
    main([str(tmp_path / "model.npz"), str(tmp_path / "a"), "--step", "1"])
    assert out.decode() == capsys.readouterr().out.replace(str(tmp_path / "a"), "standard input")


@pytest.mark.parametrize("where", ["a.npz", "run", "runs"])
def test_a_run_is_a_model_and_a_model_comes_first(recogniser, tmp_path, where, capsys):
    (tmp_path / "runs" / "run").mkdir(parents=True)
    (tmp_path / "run").symlink_to(tmp_path / "runs" / "run")
    recogniser.save(tmp_path / "runs" / "run" / "model.npz")
    recogniser.save(tmp_path / "a.npz")
    for path in (tmp_path / "runs" / "run" / "example.wav", tmp_path / "b.wav"):
        soundfile.write(path, voice(), RATE)
    model, file = str(tmp_path / where), str(tmp_path / "b.wav")
    with pytest.raises(
        InputError, match=rf"{model}: is a model, and a model comes first; the sound files come after"
    ):
        main([file, model])
    with pytest.raises(InputError, match=rf"{model}: is the model; name the sound files after it"):
        main([model])
    if where == "runs":
        with pytest.raises(InputError, match=r"runs: this folder has no model\.npz; name a run's"):
            main([model, file])
    else:
        assert main([model, file]) == 0
        assert capsys.readouterr().out.startswith(f"{file}: ")
