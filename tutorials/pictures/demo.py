"""Photograph the demo's page while it plays a recording that it has answered.

python tutorials/pictures/demo.py 03b01Wa.wav

It needs the extra "browser", and Chromium with chromedriver. Matplotlib's Pillow makes the picture small.
"""

import io
import shutil
import sys
import tempfile
import threading
from pathlib import Path

from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

from numser.demo import demo_server
from numser.demo_answer import warm_up
from numser.recogniser import load

recogniser = load()
warm_up(recogniser)
server = demo_server(recogniser, None)
threading.Thread(target=server.serve_forever, daemon=True).start()
options = webdriver.ChromeOptions()
options.binary_location = shutil.which("chromium")
with tempfile.TemporaryDirectory() as profile:
    for argument in (
        "headless=new",
        "no-sandbox",
        "hide-scrollbars",
        "mute-audio",
        "window-size=1040,790",
        f"user-data-dir={profile}",
    ):
        options.add_argument(f"--{argument}")
    browser = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    browser.get(server.address)
    browser.find_element("css selector", "input[type=file]").send_keys(str(Path(sys.argv[1]).resolve()))
    answered = "return document.querySelector('[role=status]').textContent.startsWith('Answered')"
    WebDriverWait(browser, 60, 0.02).until(lambda b: b.execute_script(answered))
    browser.find_element("css selector", ".play").click()
    at = "return parseFloat(document.querySelector('.cursor').style.left)"
    WebDriverWait(browser, 10, 0.02).until(lambda b: b.execute_script(at) > 40)
    photograph = Image.open(io.BytesIO(browser.get_screenshot_as_png())).convert("RGB")
    browser.quit()
photograph.quantize(256, Image.Quantize.MAXCOVERAGE).save(Path(__file__).with_suffix(".png"), optimize=True)
