"""The page that recognises by itself, in a browser: from a file, without a server, and nothing leaves the machine."""

import engines
import pytest
from browser import asked_for, chromium, complaints, until, visit
from demo_server import sound

from numser.corpora.synthetic import perform
from numser.errors import InputError
from numser.export import main
from numser.recogniser import PRETRAINED, load

SHOWN = "[...document.querySelectorAll('li')].map((li) => li.innerText.split(/\\s+/))"
STATUS = "document.querySelector('[role=status]').textContent"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("page").resolve()


@pytest.fixture(scope="module")
def spoken(folder):
    (folder / "sad.wav").write_bytes(sound(perform("01", "a02", "sadness").utterance.waveform))
    return folder / "sad.wav"


@pytest.fixture(scope="module")
def opened(folder, spoken):
    pytest.importorskip("onnx", reason='onnx is not installed; pip install "numser[onnx]"')
    package = engines.node_modules("onnxruntime-web") / "onnxruntime-web"
    main([str(PRETRAINED), str(folder / "page.html"), "--page", str(package)])
    fake = ("use-fake-device-for-media-stream", "use-fake-ui-for-media-stream")
    with chromium(folder / "profile", *fake, f"use-file-for-fake-audio-capture={spoken}") as browser:
        visit(browser, (folder / "page.html").as_uri())
        until(browser, f"{STATUS} === 'Ready.'", seconds=30)
        yield browser
        assert complaints(browser) == []
        addresses = asked_for(browser)
        assert addresses and {address.split(":")[0] for address in addresses} <= {"file", "blob", "data"}


def give(browser, path):
    browser.find_element("css selector", "input[type=file]").send_keys(str(path))


def test_a_file_is_recognised_as_predict_does(opened, spoken):
    give(opened, spoken)
    shown = dict(until(opened, f"{SHOWN}.length && {SHOWN}", seconds=30))
    expected = load().predict(perform("01", "a02", "sadness").utterance.waveform, 16000)
    assert shown.keys() == expected.probabilities.keys()
    for label, share in expected.probabilities.items():
        assert float(shown[label]) == pytest.approx(share, abs=2e-3)  # the file has 16 bits; three digits are shown
    assert max(shown, key=lambda label: float(shown[label])) == expected.label
    assert opened.execute_script(f"return {STATUS}") == "2.3 s"


def test_what_is_no_sound_gets_a_sentence(opened, folder):
    (folder / "notes.wav").write_text("hello")
    give(opened, folder / "notes.wav")
    until(opened, f"{STATUS}.startsWith('Not recognised: ')")
    assert opened.execute_script(f"return {SHOWN}") == []


def test_the_microphone_is_heard(opened):
    opened.find_element("css selector", "button").click()
    until(opened, "document.querySelector('button').textContent === 'Stop'")
    opened.execute_async_script("setTimeout(arguments[0], 1500)")
    opened.find_element("css selector", "button").click()
    shown = until(opened, f"{SHOWN}.length && {SHOWN}", seconds=30)
    assert sum(float(share) for _, share in shown) == pytest.approx(1, abs=5e-3)


def test_nothing_can_be_sent(opened):
    blocked = "fetch('http://127.0.0.1:9/').then(() => arguments[0]('sent'), (error) => arguments[0](error.name))"
    assert opened.execute_async_script(blocked) == "TypeError"
    assert any("Content Security Policy" in message for message in complaints(opened))


def test_without_onnxruntime_web_a_sentence_says_what_brings_it(tmp_path):
    pytest.importorskip("onnx", reason='onnx is not installed; pip install "numser[onnx]"')
    with pytest.raises(InputError, match=r'ort\.wasm\.min\.js cannot be read .*"npm install onnxruntime-web"'):
        main([str(PRETRAINED), str(tmp_path / "page.html"), "--page", str(tmp_path)])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [["--half", "--int8"], ["--page", "x", "--windows"], ["--half", "--page", "x"]])
def test_options_that_do_not_go_together(tmp_path, options, capsys):
    with pytest.raises(SystemExit) as ended:
        main([str(PRETRAINED), str(tmp_path / "page.html"), *options])
    assert ended.value.code == 2
    assert "--half" in capsys.readouterr().err
