"""The demo as its users meet it: in a browser, with a microphone that plays a recording."""

import base64
import itertools
import shutil
import time

import numpy as np
import pytest
import soundfile
from browser import asked_for, chromium, complaints, look, until, visit
from conftest import PROJECT, noise
from demo_server import served, sound

from numser.audio import read_audio
from numser.corpora.synthetic import perform
from numser.demo import demo_server
from numser.demo.answer import CLIPS
from numser.recogniser import load, overall, predict_windows

HOSTILE = "<img src=x onerror='window.harmed=1'>.wav"
SHOWN = "[...document.querySelectorAll('.probabilities li')].map((li) => li.lastChild.textContent)"
ANSWERED = "/^Answered/.test(document.querySelector('[role=status]').textContent)"
LISTENING = "document.querySelector('.record').textContent === 'Stop'"
PROBLEM = (
    "!document.querySelector('.notice[role=alert]').hidden && document.querySelector('[role=alert]').textContent"
)
# Remember what the page posts, and what it is told.
EAR = """
    window.posted = [];
    const post = window.fetch;
    window.fetch = async (path, options) => {
      const response = await post(path, options);
      if (!options) return response; // nothing was posted
      const sent = new Uint8Array(await new Response(options.body).arrayBuffer());
      window.posted.push({ path, sent, told: await response.clone().json() });
      return response;
    };
    window.base64 = (bytes) => new Promise((resolve) => {
      const reader = new FileReader();
      reader.onload = () => resolve(reader.result.split(",")[1]);
      reader.readAsDataURL(new Blob([bytes]));
    });
"""


@pytest.fixture(scope="module")
def spoken(tmp_path_factory):
    """A sad utterance of the built-in corpus, 2.3 s. Chromium wants such a path without links or dots."""
    path = tmp_path_factory.mktemp("spoken").resolve() / "sad.wav"
    path.write_bytes(sound(perform("01", "a02", "sadness").utterance.waveform))
    return path


@pytest.fixture(scope="module")
def model():
    return load()


@pytest.fixture(scope="module")
def server(model):
    with served(demo_server(model, None)) as server:
        yield server


@pytest.fixture(scope="module")
def browser(tmp_path_factory, spoken):
    fake = ("use-fake-device-for-media-stream", "use-fake-ui-for-media-stream")
    profile = tmp_path_factory.mktemp("profile")
    with chromium(profile, *fake, f"use-file-for-fake-audio-capture={spoken}") as driver:
        yield driver


@pytest.fixture
def opened(browser, server):
    """The page, freshly opened in a wide and light window. Whatever a test does, nobody may be harmed by it."""
    look(browser)
    visit(browser, "about:blank")
    asked_for(browser), complaints(browser)
    visit(browser, server.address)
    browser.execute_script(EAR)
    yield browser
    assert browser.execute_script("return window.harmed") is None
    assert complaints(browser) == []


def find(browser, selector):
    return browser.find_element("css selector", selector)


def give(browser, path):
    find(browser, "input[type=file]").send_keys(str(path))


def heard(browser):
    """What the page sent last to be recognised, and what it was told."""
    last = "window.posted.findLast((post) => post.path === 'recognise')"
    sent = browser.execute_async_script(f"window.base64({last}.sent).then(arguments[0])")
    return base64.b64decode(sent), browser.execute_script(f"return {last}.told")


def predicted(model, path):
    return overall([window for _, window in predict_windows(model, [(str(path), path)])])


def as_shown(prediction):
    return [f"{share:.3f}" for share in prediction.probabilities.values()]


def record(browser, seconds):
    find(browser, ".record").click()
    until(browser, LISTENING, seconds=30)
    until(browser, f"parseFloat(document.querySelector('.time').textContent) >= {seconds}", seconds=60)
    find(browser, ".record").click()
    until(browser, ANSWERED, seconds=30)


def test_what_was_spoken_is_recognised_as_predict_does(opened, model, spoken, tmp_path):
    source = read_audio(spoken)
    record(opened, 2.3 * len(source) / 16000)  # so that once it is in it whole
    sent, told = heard(opened)
    (tmp_path / "sent.wav").write_bytes(sent)
    prediction = predicted(model, tmp_path / "sent.wav")
    assert told["probabilities"] == list(prediction.probabilities.values())
    assert opened.execute_script(f"return {SHOWN}") == as_shown(prediction)
    assert find(opened, ".verdict strong").text == prediction.label
    assert find(opened, ".probabilities .right").text.startswith(prediction.label)
    assert (
        find(opened, "article").get_attribute("aria-label").startswith(f"your voice: sounds like {prediction.label}")
    )

    recorded = read_audio(tmp_path / "sent.wav")
    size = len(recorded)
    spectra = np.fft.rfft(recorded, 2 * size) * np.fft.rfft(source, 2 * size).conj()
    start = int(np.fft.irfft(spectra)[: size - len(source)].argmax())
    once = recorded[start : start + len(source)]
    assert np.corrcoef(once, source)[0, 1] > 0.95
    direct, through = model.predict(source, 16000), model.predict(once, 16000)
    assert through.label == direct.label
    for label, share in direct.probabilities.items():
        assert through.probabilities[label] == pytest.approx(share, abs=0.1)


INKED = """
    const canvas = document.querySelector("canvas");
    const { width, height } = canvas;
    const pen = new OffscreenCanvas(width, 1).getContext("2d");
    pen.drawImage(canvas, 0, 0, width, height - 25, 0, 0, width, 1);
    const { data } = pen.getImageData(0, 0, width, 1);
    return data.filter((value, i) => i % 4 === 3 && value > 0).length / width;
"""


def test_the_log_mel_grows_while_one_speaks(opened):
    find(opened, ".record").click()
    until(opened, LISTENING, seconds=30)
    share = f"(() => {{{INKED}}})()"
    first = until(opened, f"{share} > 0.05 && {share}", seconds=30)
    until(opened, f"{share} > {first} + 0.1", seconds=30)
    find(opened, ".record").click()
    until(opened, ANSWERED, seconds=30)
    assert opened.execute_script(INKED) > 0.95
    pieces = opened.execute_script("return window.posted.filter((post) => post.path === 'log-mel').length")
    assert pieces >= 2


# The recorder, outside a browser's thread for sound: 21 blocks of 128 samples, in one of them no microphone.
RECORD = """
    const sent = [], registerProcessor = (name, kind) => (window.Made = kind);
    class AudioWorkletProcessor { port = { postMessage: (part) => sent.push(part && [...part]) }; }
    RECORDER
    const recorder = new window.Made(), block = (k) => Float32Array.from({ length: 128 }, (_, i) => 128 * k + i);
    for (let k = 0; k < 20; k++) recorder.process([[block(k)]]);
    recorder.process([[]]);
    recorder.port.onmessage();
    return [recorder.process([[block(20)]]), sent];
"""


def test_the_recorder_hands_on_every_sample(opened):
    source = (PROJECT / "numser" / "page" / "recorder.js").read_text()
    goes_on, (first, rest, end) = opened.execute_script(RECORD.replace("RECORDER", source))
    assert (first + rest, len(first), end, goes_on) == (list(range(21 * 128)), 2048, None, False)


def test_recordings_are_cut_at_any_sample(opened):
    cut = "[...cut([[0, 1, 2], [3], [4, 5]].map((part) => Int8Array.from(part)), from)].flatMap((part) => [...part])"
    found = opened.execute_script(f"return [0, 1, 2, 3, 4, 5, 6].map((from) => {cut})")
    assert found == [list(range(start, 6)) for start in range(7)]


GROW = """
    const [samples, rate, done] = arguments, all = Float32Array.from(samples, (sample) => sample / 32768);
    const growing = new Growing(document.querySelector("canvas"), rate, 1), parts = [];
    for (let at = 0; at < all.length; at += 2048) {
      parts.push(all.subarray(at, at + 2048));
      await growing.grow(parts, at + parts.at(-1).length);
    }
    done([...growing.picture]);
"""


def test_what_grew_is_the_picture_it_ends_with(opened, spoken):
    samples, rate = soundfile.read(spoken, dtype="int16")
    grow = f"(async (...arguments) => {{{GROW}}})(...arguments)"
    grown = np.reshape(opened.execute_async_script(grow, samples.tolist(), rate), (-1, 64))
    give(opened, spoken)
    until(opened, ANSWERED, seconds=30)
    whole = np.frombuffer(base64.b64decode(heard(opened)[1]["log_mel"]), np.uint8).reshape(-1, 64)
    assert len(whole) - 11 <= len(grown) < len(whole)
    np.testing.assert_allclose(grown, whole[: len(grown)].astype(int), atol=3)  # it came in whole decibels, 255 / 80


def drop(browser, *files):
    """Drop files, each a name and its bytes, onto the page, which keeps the browser from opening them itself."""
    taken = browser.execute_script(
        "const dropped = new DataTransfer();"
        "for (const [name, content] of arguments)"
        "  dropped.items.add(new File([Uint8Array.from(atob(content), (c) => c.charCodeAt(0))], name));"
        "const about = { dataTransfer: dropped, bubbles: true, cancelable: true };"
        "return ['dragover', 'drop'].map((kind) => !document.body.dispatchEvent(new DragEvent(kind, about)))",
        *((name, base64.b64encode(content).decode()) for name, content in files),
    )
    assert taken == [True, True]


def test_two_files_are_one_too_many(opened, spoken):
    drop(opened, ("a.wav", spoken.read_bytes()), ("b.wav", spoken.read_bytes()))
    assert until(opened, PROBLEM) == "2 files were given; give one at a time"
    drop(opened, ("a.wav", spoken.read_bytes()))
    until(opened, ANSWERED, seconds=30)


def test_a_file_that_was_mended_can_be_chosen_again(opened, spoken, tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"")
    give(opened, path)
    until(opened, PROBLEM)
    complaints(opened)
    shutil.copy(spoken, path)
    give(opened, path)
    until(opened, ANSWERED, seconds=30)


def test_a_new_file_ends_the_request_for_the_one_before(opened, spoken):
    opened.execute_script(
        "window.signals = [];"
        "window.fetch = (path, { signal }) => {"
        "  window.signals.push(signal);"
        "  return new Promise((_, refuse) => signal.addEventListener('abort', () => refuse(signal.reason)));"
        "}"
    )
    for count, name in enumerate(("a.wav", "b.wav"), 1):
        drop(opened, (name, spoken.read_bytes()))
        until(opened, f"window.signals.length === {count}")
    assert opened.execute_script("return window.signals.map((signal) => signal.aborted)") == [True, False]
    assert find(opened, ".head b").text == "b.wav"
    assert not find(opened, "[role=alert]").is_displayed()


def test_a_dropped_file_is_recognised_as_predict_does(opened, model, spoken):
    drop(opened, (HOSTILE, spoken.read_bytes()))
    until(opened, ANSWERED, seconds=30)
    sent, told = heard(opened)
    prediction = predicted(model, spoken)
    assert sent == spoken.read_bytes()
    assert told["probabilities"] == list(prediction.probabilities.values())
    assert opened.execute_script(f"return {SHOWN}") == as_shown(prediction)
    assert find(opened, ".head b").text == HOSTILE
    assert opened.execute_script("return document.querySelectorAll('img, main script').length") == 0


def test_a_long_file_is_shown_window_by_window(opened, model, tmp_path):
    path = tmp_path / "long.flac"
    path.write_bytes(sound(noise(16.4), kind="FLAC"))
    give(opened, path)
    until(opened, ANSWERED, seconds=30)
    assert opened.execute_script(f"return {SHOWN}") == as_shown(predicted(model, path))
    buttons = opened.find_elements("css selector", ".parts button")
    assert [button.text.splitlines()[0] for button in buttons] == ["0.0–7.0 s", "7.0–14.0 s", "9.4–16.4 s"]
    buttons[2].send_keys(" ")  # of the button alone, not of the article around it as well
    until(opened, "Math.abs(parseFloat(document.querySelector('.cursor').style.left) - 57.3) < 0.5", seconds=2)
    assert find(opened, ".play").get_attribute("aria-label").startswith("play ")  # it does not play


def test_one_can_hear_it_again(opened, spoken, tmp_path):
    give(opened, shutil.copy(spoken, tmp_path / HOSTILE))
    until(opened, ANSWERED, seconds=30)
    article, play = find(opened, "article"), find(opened, ".play")
    assert play.get_attribute("aria-label") == f"play {HOSTILE}"
    play.click()
    place = "parseFloat(document.querySelector('.cursor').style.left)"
    first = until(opened, f"{place} > 2 && {place}")
    until(opened, f"{place} > {first} + 5")
    until(opened, "document.querySelector('.play').ariaLabel.startsWith('play ')")
    article.send_keys("\ue012" * 40)  # the left arrow
    until(opened, f"{place} === 0 || {place} < 1")
    article.send_keys(" ")
    until(opened, f"{place} > 5")
    until(opened, "document.querySelector('.play').ariaLabel.startsWith('play ')")
    play.send_keys(" ")
    until(opened, f"{place} > 5 && {place} < 50")


def test_everything_can_be_done_with_the_keyboard(opened):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    seen, current = [], "document.activeElement.ariaLabel ?? document.activeElement.textContent"
    for _ in range(6):
        ActionChains(opened).send_keys(Keys.TAB).perform()
        seen.append(opened.execute_script(f"return {current}"))
    assert seen == ["Record", "Choose a sound file", "anger", "happiness", "sadness", "no recording yet"]
    find(opened, ".record").send_keys(" ")
    until(opened, LISTENING, seconds=30)
    until(opened, "parseFloat(document.querySelector('.time').textContent) > 1", seconds=30)
    find(opened, ".record").send_keys(" ")
    until(opened, ANSWERED, seconds=30)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.wav", b"", "a.wav: it is empty; give a recording with sound"),
        (HOSTILE, b"<script>", f"{HOSTILE}: cannot be read as sound (Format not recognised)"),
        ("a.wav", sound(np.zeros(16000)), "a.wav: no speech to be heard"),
        ("a.wav", sound(np.zeros(8000 * 301), 8000), "a.wav: it is longer than 5 minutes"),
        ("a.wav", 70_000_000, "a.wav: it is larger than 67 MB"),
    ],
)
def test_a_bad_file_gets_a_sentence(opened, name, content, expected, tmp_path):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else bytes(content))
    give(opened, tmp_path / name)
    assert until(opened, PROBLEM, seconds=30).startswith(expected)
    too_large = isinstance(content, int)  # which the page sees without sending it
    assert opened.execute_script("return window.posted.length") == (0 if too_large else 1)
    complaints(opened)  # the browser itself notes the status 422
    record(opened, 1)
    assert not find(opened, "[role=alert]").is_displayed()


@pytest.mark.parametrize("emotion", CLIPS)
def test_there_are_made_up_voices_to_try(opened, model, emotion, tmp_path):
    (button,) = [b for b in opened.find_elements("css selector", ".files button") if b.text == emotion]
    button.click()
    until(opened, ANSWERED, seconds=30)
    sent, _ = heard(opened)
    speaker, sentence = CLIPS[emotion]
    (tmp_path / "sent.wav").write_bytes(sent)
    made = perform(speaker, sentence, emotion).utterance.waveform
    np.testing.assert_allclose(read_audio(tmp_path / "sent.wav"), made, atol=4e-5)
    assert opened.execute_script(f"return {SHOWN}") == as_shown(predicted(model, tmp_path / "sent.wav"))
    assert find(opened, ".head b").text == f"made-up voice, {emotion}"


def test_what_numser_cannot_read_the_browser_decodes(opened, model, spoken):
    """An MP3 that was joined: numser by itself, without a file on disk, reads the first part only."""
    part = sound(read_audio(spoken), kind="MP3")
    drop(opened, ("joined.mp3", 2 * part))
    until(opened, ANSWERED, seconds=30)
    once = len(read_audio(spoken)) / 16000
    assert float(find(opened, ".time").text.split()[-2]) == pytest.approx(2 * once, abs=0.3)
    assert opened.execute_script("return window.posted.map((post) => post.told.error !== undefined)") == [True, False]
    complaints(opened)  # the browser itself notes the status 415


def test_what_was_done_with_the_sound_is_said(opened, spoken, tmp_path):
    one = read_audio(spoken)
    (tmp_path / "a.wav").write_bytes(sound(np.stack([one, -one], 1)))
    give(opened, tmp_path / "a.wav")
    until(opened, ANSWERED, seconds=30)
    assert find(opened, ".notes").text.startswith("Note: its channels cancel each other")


@pytest.mark.parametrize(
    ("probabilities", "verdict", "large"),
    [
        ([0.498, 0.424, 0.078], "anger or joy", False),
        ([0.424, 0.498, 0.078], "joy or anger", False),
        ([0.52, 0.41, 0.07], "anger", True),
        ([0.34, 0.33, 0.33], "anger or joy or neutral", False),
    ],
)
def test_an_answer_that_is_close_names_both(opened, probabilities, verdict, large):
    predicted = probabilities.index(max(probabilities))
    answer = {"seconds": 1, "notes": [], "windows": [], "attention": [], "log_mel": "A" * 4800}
    answer |= {"predicted": predicted, "probabilities": probabilities}
    shown, size = opened.execute_script(
        "const answer = new Answer(['anger', 'joy', 'neutral']);"
        "document.body.append(answer.article);"
        "answer.show(arguments[0], 'a.wav', null);"
        "const strong = answer.article.querySelector('.verdict strong');"
        "return [strong.textContent, parseFloat(getComputedStyle(strong).fontSize)]",
        answer,
    )
    assert (shown, size > 20) == (verdict, large)


def test_of_many_close_ones_none_is_named(opened):
    label = (
        "new Answer([...'abcdefg']).said({ predicted: 0, probabilities: [0.2, 0.15, 0.15, 0.15, 0.15, 0.1, 0.1] })"
    )
    assert opened.execute_script(f"return {label}.label") == "no one emotion"


def test_headings_are_in_order(opened, tmp_path):
    (tmp_path / "long.wav").write_bytes(sound(noise(9)))
    give(opened, tmp_path / "long.wav")
    until(opened, ANSWERED, seconds=30)
    levels = opened.execute_script("return [...document.querySelectorAll('h1,h2,h3,h4')].map((h) => +h.tagName[1])")
    assert levels[0] == 1 and max(levels) > 2
    assert all(later - earlier <= 1 for earlier, later in itertools.pairwise(levels))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ("NotAllowedError", "may not use the microphone"),
        ("NotFoundError", "No microphone was found"),
        ("NotReadableError", "another program may have it"),
        ("Odd", "The microphone cannot be used (no reason)."),
    ],
)
def test_a_microphone_that_is_refused_or_absent(opened, error, expected):
    opened.execute_script(
        "const name = arguments[0]; navigator.mediaDevices.getUserMedia = async () => "
        "{ throw new DOMException('no reason', name) }",
        error,
    )
    find(opened, ".record").click()
    assert expected in until(opened, PROBLEM)
    assert find(opened, ".record").text == "Record"


def test_even_markup_that_got_in_would_not_run(opened, server):
    opened.execute_script(
        "document.getElementById('page').insertAdjacentHTML('beforeend', arguments[0])",
        '<img src="x" onerror="window.harmed=1"><a id="trap" href="javascript:window.harmed=1">x</a>',
    )
    opened.execute_script("const s = document.createElement('script'); s.text = 'harmed=1'; document.body.append(s)")
    opened.execute_script("document.getElementById('trap').click()")
    refused = opened.execute_async_script(
        "fetch('https://example.org').then(() => arguments[0]('fetched'), (e) => arguments[0](String(e)))"
    )
    assert refused.startswith("TypeError")
    assert sum("violates the following" in message for message in complaints(opened)) >= 4


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390, 320])
def test_nothing_is_wider_than_the_window(opened, width, dark, tmp_path):
    look(opened, width=width, dark=dark)
    path = tmp_path / ("x" * 100 + ".wav")
    path.write_bytes(sound(noise(9)))
    give(opened, path)
    until(opened, ANSWERED, seconds=30)
    assert opened.execute_script("return document.documentElement.scrollWidth <= innerWidth && innerWidth") == width
    assert find(opened, ".picture").size["height"] > 150


def test_a_recording_ends_by_itself_when_it_is_as_long_as_it_may_be(browser, model, monkeypatch):
    monkeypatch.setattr("numser.demo.answer.LONGEST", 3.0)
    with served(demo_server(model, None)) as server:
        visit(browser, server.address)
        find(browser, ".record").click()
        until(browser, ANSWERED, seconds=60)
        shown = find(browser, ".time").text  # "0.00 / 2.73 s"
    assert 1.5 < float(shown.split("/")[-1].removesuffix(" s")) <= 3


def test_a_server_that_has_gone(browser, model, spoken):
    with served(demo_server(model, None)) as server:
        server.seconds = 4
        visit(browser, server.address)
    time.sleep(4.5)  # the browser may have opened a connection in advance, which is served until then
    give(browser, spoken)
    assert "start python -m numser.demo again" in until(browser, PROBLEM)
