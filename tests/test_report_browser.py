"""The report as its readers meet it: in a browser."""

import json

import numpy as np
import pytest
import soundfile
from browser import asked_for, chromium, complaints, look, until, visit
from made_runs import row, write_run

from numser.report import report

HOSTILE = '</script><script>window.harmed=1</script><img src=x onerror="window.harmed=1">__proto__'
LABELS = ("anger", "neutral", HOSTILE)
SHOWN = "return [...document.querySelectorAll('article')].map(a => Number(a.dataset.index))"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A cross-validation of two folds that share their nine test utterances, of which the last has no recording."""
    folder = tmp_path_factory.mktemp("report")
    seconds = np.arange(24000) / 16000
    soundfile.write(folder / "tone.wav", 0.3 * np.sin(2 * np.pi * 440 * seconds) * (seconds > 0.2), 16000)
    for fold in (0, 1):
        rows = []
        for i in range(9):
            about = {
                "labels": LABELS,
                "sure": 0.5 + i / 20,
                "difficulty": "ABC"[i % 3],
                "speaker": ("03", HOSTILE)[i % 2],
            }
            about["path"] = str(folder / ("gone.wav" if i == 8 else "tone.wav"))
            weights = [0.01] * 37
            weights[10 + fold] = 0.64
            about |= {"attention": weights, "attention_seconds": [round(0.03 + 0.04 * k, 2) for k in range(37)]}
            truth = LABELS[i % 3]
            taken = LABELS[(i + 1) % 3] if i == 4 or (i == 2 and fold) else truth
            rows.append(row(HOSTILE if i == 5 else f"utterance{i}", truth, taken, **about))
        write_run(folder / "cv" / f"fold{fold}", rows, labels=LABELS, fold=fold)
    report(folder / "cv", folder / "r.html")
    return (folder / "r.html").as_uri()


@pytest.fixture
def opened(browser, page):
    """The page, freshly opened in a wide and light window. Whatever a test does, nobody may be harmed by it."""
    look(browser)
    visit(browser, "about:blank")
    asked_for(browser), complaints(browser)
    visit(browser, page)
    yield browser
    assert browser.execute_script("return window.harmed") is None
    assert complaints(browser) == []
    assert {address.split(":")[0] for address in asked_for(browser)} <= {"file", "blob", "data"}


def find(browser, selector):
    return browser.find_element("css selector", selector)


def choose(browser, name, value):
    find(browser, f".filter [name={name}] option[value='{value}']").click()


def article(browser, index):
    node = find(browser, f"article[data-index='{index}']")
    browser.execute_script("arguments[0].scrollIntoView()", node)
    until(browser, "arguments[0].children.length > 0", node)
    return node


def press(browser, *keys):
    from selenium.webdriver.common.action_chains import ActionChains

    ActionChains(browser).send_keys(*keys).perform()


def test_the_whole_page_is_there(opened):
    titles = opened.execute_script("return [...document.querySelectorAll('h2')].map(h => h.textContent)")
    assert titles == ["Learning", "Confusion", "Speakers", "Calibration", "Utterances", "About this run"]
    figures = opened.execute_script("return [...document.querySelectorAll('.figure strong')].map(f => f.textContent)")
    assert figures == ["0.833", "0.833", "0.830"]
    assert opened.execute_script("return document.querySelector('#scores p b').textContent") == "0.333"
    assert "2 of 9 folds have ended" in find(opened, ".notice").text
    said = find(opened, "#scores").text
    assert "Always the same answer would have UA 0.333 (chance)." in said
    assert "other recordings of the same kind tested and the network trained anew, the mean UA should lie" in said
    assert "Only 9 recordings were tested, fewer than 30" in said
    until(opened, "document.querySelectorAll('.chart svg').length === 4")
    pictures = "document.querySelectorAll('.chart svg, canvas')"
    assert opened.execute_script(f"return [...{pictures}].every(p => p.getAttribute('aria-label').length > 20)")
    assert opened.execute_script("return document.querySelectorAll('.curve.thin').length") == 6
    assert opened.execute_script("return document.querySelectorAll('#learning .ring').length") == 4


def test_hostile_names_are_only_text(opened):
    assert opened.execute_script("return document.querySelectorAll('img, main script').length") == 0
    assert HOSTILE in find(opened, "#confusion").text
    assert HOSTILE in find(opened, "#speakers").text
    assert HOSTILE in article(opened, 5).text


def test_even_markup_that_got_in_would_not_run(opened):
    opened.execute_script(
        "document.getElementById('page').insertAdjacentHTML('beforeend', arguments[0])",
        '<img src="x" onerror="window.harmed=1"><a id="trap" href="javascript:window.harmed=1">x</a>',
    )
    opened.execute_script(
        "const s = document.createElement('script'); s.text = 'window.harmed=1'; document.body.append(s)"
    )
    opened.execute_script("document.getElementById('trap').click()")
    refused = opened.execute_async_script(
        "fetch('https://example.org').then(() => arguments[0]('fetched'), (e) => arguments[0](String(e)))"
    )
    assert refused.startswith("TypeError")
    assert sum("violates the following" in message for message in complaints(opened)) >= 4
    asked_for(opened)


def test_filters_and_orders(opened):
    assert opened.execute_script(SHOWN) == list(range(9))
    for name, value, shown in (
        ("truth", 1, [1, 4, 7]),
        ("predicted", 0, [0, 2, 3, 6]),
        ("speaker", 0, [0, 2, 4, 6, 8]),
        ("difficulty", "B", [1, 4, 7]),
        ("order", "surest", [8, 7, 6, 5, 4, 3, 2, 1, 0]),
        ("order", "unsure", list(range(9))),
    ):
        choose(opened, name, value)
        assert opened.execute_script(SHOWN) == shown, name
        assert find(opened, "[role=status]").text == f"{len(shown)} of 9 utterances"
        find(opened, ".filter button").click()
        until(opened, "document.querySelectorAll('article').length === 9")
    find(opened, "[name=mistakes]").click()
    assert opened.execute_script(SHOWN) == [2, 4]
    choose(opened, "fold", 0)
    assert opened.execute_script(SHOWN) == [4]
    choose(opened, "fold", "")
    find(opened, "[name=name]").send_keys("ANCE2")
    assert opened.execute_script(SHOWN) == [2]
    sizes = opened.execute_script(
        "const a = document.querySelector('article'); return [a.ariaPosInSet, a.ariaSetSize]"
    )
    assert sizes == ["1", "1"]


def test_an_utterance_shows_each_folds_answer(opened):
    node = article(opened, 2)
    assert "✓" in node.find_element("css selector", ".verdict").text
    assert "right in 1 of 2" in node.text
    before = opened.execute_script("return arguments[0].querySelector('canvas').toDataURL()", node)
    node.find_element("css selector", "select option[value='1']").click()
    assert node.find_element("css selector", ".verdict").get_property("textContent") == f"✗ {HOSTILE} taken for anger"
    assert node.get_attribute("aria-label") == f"utterance2: {HOSTILE}, taken for anger, 60\u00a0%"
    after = opened.execute_script("return arguments[0].querySelector('canvas').toDataURL()", node)
    assert before != after  # the other fold looks elsewhere


def test_a_number_of_the_confusion_matrix_leads_to_its_utterances(opened):
    find(opened, "#confusion button[aria-label^='2 of 6 neutral recognised as']").click()
    assert opened.execute_script(SHOWN) == [4]
    assert opened.execute_script("return document.activeElement.dataset.index") == "4"
    find(opened, "#speakers button[aria-label^='4/4 recognised, anger, speaker 03']").click()
    assert opened.execute_script(SHOWN) == [0, 6]


def test_what_is_seen_on_a_button_is_in_its_name(opened):
    """Who says it to a computer that listens must be understood."""
    unlike = (
        "[...document.querySelectorAll('button')].filter((b) => b.ariaLabel && !b.ariaLabel.includes(b.textContent))"
    )
    assert opened.execute_script(f"return {unlike}.map((b) => b.ariaLabel)") == []


@pytest.mark.parametrize("width", [390, 320])
def test_on_a_phone_no_emotion_of_a_speaker_is_out_of_sight(opened, width):
    look(opened, width=width)
    cells = opened.execute_script(
        "return [...document.querySelectorAll('.speakers td[data-label]')].map((cell) => [cell.dataset.label,"
        "  getComputedStyle(cell, '::before').content.length > 6, cell.getBoundingClientRect().right])"
    )
    assert {label for label, *_ in cells} == set(opened.execute_script("return data('data').labels"))
    assert all(named and right <= width for _, named, right in cells)


STOPPED = "arguments[0].querySelector('.play').ariaLabel.startsWith('play ')"
CURSOR = "parseFloat(arguments[0].querySelector('.cursor').style.left)"


def test_it_plays_and_the_cursor_moves_with_the_sound(opened):
    node = article(opened, 0)
    play = node.find_element("css selector", ".play")
    assert not node.find_element("css selector", ".cursor").is_displayed()
    play.click()
    first = until(opened, f"{CURSOR} > 2 && {CURSOR}", node)
    assert node.find_element("css selector", ".cursor").is_displayed()
    assert play.get_attribute("aria-label") == "stop utterance0"
    until(opened, f"{CURSOR} > arguments[1] + 10", node, first)
    play.click()
    until(opened, STOPPED, node)
    time, place = opened.execute_script(f"return [arguments[0].querySelector('.time').textContent, {CURSOR}]", node)
    assert float(time.split(" / ")[0]) == pytest.approx(place / 100 * 1.5, abs=0.006)
    play.click()
    until(opened, f"{CURSOR} > 99 && {STOPPED}", node)
    assert node.find_element("css selector", ".time").text == "1.50 / 1.50 s"


def test_one_sound_at_a_time(opened):
    first, second = article(opened, 0), article(opened, 1)
    first.find_element("css selector", ".play").click()
    until(opened, f"{CURSOR} > 2", first)
    second.find_element("css selector", ".play").click()
    until(opened, f"{CURSOR} > 2", second)
    assert not first.find_element("css selector", ".cursor").is_displayed()
    assert opened.execute_script(f"return {STOPPED}", first)


def test_a_click_and_a_drag_in_the_picture_seek(opened):
    from selenium.webdriver.common.action_chains import ActionChains

    picture = article(opened, 1).find_element("css selector", ".picture")
    width = picture.size["width"]
    ActionChains(opened).move_to_element_with_offset(picture, width // 4, 0).click().perform()
    until(opened, f"Math.abs({CURSOR} - 75) < 1", picture)
    ActionChains(opened).click_and_hold(picture).move_by_offset(-width // 4, 0).release().perform()
    until(opened, f"Math.abs({CURSOR} - 25) < 1", picture)
    assert opened.execute_script(f"return {STOPPED}", article(opened, 1))  # seeking plays nothing


def test_everything_can_be_done_with_the_keyboard(opened):
    from selenium.webdriver.common.keys import Keys

    find(opened, ".filter button").click()
    press(opened, Keys.TAB)
    current = "document.activeElement.closest('article')?.dataset.index"
    assert opened.execute_script(f"return {current}") == "0"
    outline = opened.execute_script("return getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    press(opened, Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_UP)
    assert opened.execute_script(f"return {current}") == "1"
    press(opened, Keys.SPACE)
    until(opened, f"{CURSOR} > 2", find(opened, "article[data-index='1']"))
    press(opened, Keys.SPACE)
    until(opened, STOPPED, find(opened, "article[data-index='1']"))
    press(opened, *[Keys.ARROW_LEFT] * 16)
    node = find(opened, "article[data-index='1']")
    until(opened, f"{CURSOR} === 0", node)
    press(opened, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    until(opened, f"Math.abs({CURSOR} - 100 * 0.2 / 1.5) < 0.1", node)
    press(opened, Keys.END)
    assert opened.execute_script(f"return {current}") == "8"
    visible = "const r = document.activeElement.getBoundingClientRect(); return r.top >= 0 && r.bottom <= innerHeight"
    assert opened.execute_script(visible)
    press(opened, Keys.HOME)
    assert opened.execute_script(f"return {current}") == "0"


def test_absent_audio_is_said(opened):
    node = article(opened, 8)
    assert "No sound and no log-mel: its recording was not found" in node.text
    assert node.find_elements("css selector", ".play") == []
    assert node.find_elements("css selector", "canvas") != []  # the attention is there


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390, 320])
def test_nothing_is_wider_than_the_window(opened, width, dark):
    look(opened, width=width, dark=dark)
    article(opened, 3)
    assert opened.execute_script("return document.documentElement.scrollWidth <= innerWidth && innerWidth") == width
    lightness = opened.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (sum(json.loads(f"[{lightness[4:-1]}]")) < 300) == dark
    node = article(opened, 2)  # four probabilities would be the most; here are three labels, and folds to choose from
    what, picture = (node.find_element("css selector", part).rect for part in (".what", ".picture"))
    assert what["y"] + what["height"] <= node.rect["y"] + node.rect["height"]
    assert 90 < picture["height"] < 200


PIXEL = """
    const pen = new OffscreenCanvas(1, 1).getContext("2d");
    pen.drawImage(document.querySelector("article canvas"), 5, 5, 1, 1, 0, 0, 1, 1);
    return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3);
"""


def test_dark_draws_the_pictures_anew(opened):
    node = article(opened, 0)
    assert sum(opened.execute_script(PIXEL, node)) > 600  # silence is as light as the page
    look(opened, dark=True)
    until(opened, f"(() => {{{PIXEL}}})().reduce((a, b) => a + b) < 150", node)


def test_with_reduced_motion_the_cursor_does_not_glide(opened):
    look(opened, calm=True)
    node = article(opened, 0)
    opened.execute_script(
        "window.frames_asked = 0; const ask = requestAnimationFrame; "
        "requestAnimationFrame = (f) => { window.frames_asked++; return ask(f); }"
    )
    node.find_element("css selector", ".play").click()
    until(opened, f"{CURSOR} > 30", node)
    assert opened.execute_script("return window.frames_asked") == 0


@pytest.fixture(scope="module")
def long_page(tmp_path_factory):
    """A run that was tested on 3000 utterances."""
    folder = tmp_path_factory.mktemp("long")
    report(
        write_run(folder / "run", [row(f"u{i}", ("anger", "neutral")[i % 2]) for i in range(3000)]), folder / "r.html"
    )
    return (folder / "r.html").as_uri()


def test_of_a_long_list_only_what_is_near_the_window_is_built(browser, long_page):
    look(browser)
    visit(browser, long_page)
    built = "document.querySelectorAll('article > *').length"
    browser.execute_script("document.querySelector('article').scrollIntoView()")
    until(browser, f"{built} > 0")
    assert browser.execute_script(f"return {built}") < 60
    browser.execute_script("document.querySelector('article[data-index=\"2500\"]').scrollIntoView()")
    until(browser, "document.querySelector('article[data-index=\"2500\"]').children.length > 0")
    until(browser, "document.querySelector('article[data-index=\"0\"]').children.length === 0")
    assert browser.execute_script(f"return {built}") < 60
    assert complaints(browser) == []
