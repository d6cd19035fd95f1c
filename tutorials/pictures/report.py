"""Photograph a report's list of utterances while one of them plays.

python tutorials/pictures/report.py runs/emodb-fold0/report.html

It needs the extra "browser", and Chromium with chromedriver. Matplotlib's Pillow makes the picture small.
"""

import io
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

options = webdriver.ChromeOptions()
options.binary_location = shutil.which("chromium")
with tempfile.TemporaryDirectory() as profile:
    for argument in (
        "headless=new",
        "no-sandbox",
        "hide-scrollbars",
        "window-size=1180,1035",
        f"user-data-dir={profile}",
    ):
        options.add_argument(f"--{argument}")
    browser = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    browser.get(Path(sys.argv[1]).resolve().as_uri())
    browser.find_element("css selector", "[name=order] option[value=unsure]").click()
    browser.execute_script("document.getElementById('utterances').scrollIntoView()")
    WebDriverWait(browser, 10).until(lambda b: b.find_element("css selector", "article .play")).click()
    at = "return parseFloat(document.querySelector('.cursor').style.left)"
    WebDriverWait(browser, 10, 0.02).until(lambda b: b.execute_script(at) > 40)
    photograph = Image.open(io.BytesIO(browser.get_screenshot_as_png())).convert("RGB")
    browser.quit()
photograph.quantize(256, Image.Quantize.MAXCOVERAGE).save(Path(__file__).with_suffix(".png"), optimize=True)
