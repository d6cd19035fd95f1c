"""Photograph a report's list of utterances while one of them plays.

    python tutorials/pictures/report.py runs/emodb-fold0/report.html

What it needs stands in photograph.py.
"""

import sys
from pathlib import Path

from photograph import chromium, photograph
from selenium.webdriver.support.ui import WebDriverWait

with chromium(1180, 1035) as browser:
    browser.get(Path(sys.argv[1]).resolve().as_uri())
    browser.find_element("css selector", "[name=order] option[value=unsure]").click()
    browser.execute_script("document.getElementById('utterances').scrollIntoView()")
    WebDriverWait(browser, 10).until(lambda b: b.find_element("css selector", "article .play")).click()
    photograph(browser, __file__)
