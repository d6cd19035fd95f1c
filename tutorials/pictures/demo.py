"""Photograph the demo's page while it plays a recording that it has answered.

    python tutorials/pictures/demo.py 03b01Wa.wav

What it needs stands in photograph.py.
"""

import sys
import threading
from pathlib import Path

from photograph import chromium, photograph
from selenium.webdriver.support.ui import WebDriverWait

from numser.demo import demo_server
from numser.demo.answer import warm_up
from numser.recogniser import load

recogniser = load()
warm_up(recogniser)
server = demo_server(recogniser, None)
threading.Thread(target=server.serve_forever, daemon=True).start()
with chromium(1040, 790) as browser:
    browser.get(server.address)
    browser.find_element("css selector", "input[type=file]").send_keys(str(Path(sys.argv[1]).resolve()))
    answered = "return document.querySelector('[role=status]').textContent.startsWith('Answered')"
    WebDriverWait(browser, 60, 0.02).until(lambda b: b.execute_script(answered))
    browser.find_element("css selector", ".play").click()
    photograph(browser, __file__)
