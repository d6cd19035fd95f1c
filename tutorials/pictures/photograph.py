"""What the scripts beside this one share: headless Chromium, and a photograph of a page that plays a sound.

It needs the extra "browser", and Chromium with chromedriver. Matplotlib's Pillow makes the picture small.
"""

import io
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait


@contextmanager
def chromium(width: int, height: int) -> Iterator[webdriver.Chrome]:
    """A browser whose window has this size, and which starts with nothing."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    with tempfile.TemporaryDirectory() as profile:
        for argument in (
            "headless=new",
            "no-sandbox",
            "hide-scrollbars",
            "mute-audio",
            f"window-size={width},{height}",
            f"user-data-dir={profile}",
        ):
            options.add_argument(f"--{argument}")
        browser = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
        yield browser
        browser.quit()


def photograph(browser: webdriver.Chrome, script: str) -> None:
    """When the cursor has gone through two fifths of the sound, save the page as a PNG called as `script` is."""
    at = "return parseFloat(document.querySelector('.cursor').style.left)"
    WebDriverWait(browser, 10, 0.02).until(lambda b: b.execute_script(at) > 40)
    picture = Image.open(io.BytesIO(browser.get_screenshot_as_png())).convert("RGB")
    picture.quantize(256, Image.Quantize.MAXCOVERAGE).save(Path(script).with_suffix(".png"), optimize=True)
