"""A real browser for tests: headless Chromium, driven by Selenium (the extra "browser")."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PLACES = {"browser": ("chromium", "chromium-browser", "google-chrome", "chrome"), "driver": ("chromedriver",)}


def found() -> tuple[str, str]:
    """Chromium and its driver: $NUMSER_CHROMIUM and $NUMSER_CHROMEDRIVER, or what is on the path. Else skip, and say
    why."""
    pytest.importorskip("selenium", reason='Selenium is not installed; pip install "numser[browser]"')
    programs = []
    for kind, variable in (("browser", "NUMSER_CHROMIUM"), ("driver", "NUMSER_CHROMEDRIVER")):
        program = os.environ.get(variable) or next(filter(None, map(shutil.which, PLACES[kind])), None)
        if program is None:
            pytest.skip(f"no {' or '.join(PLACES[kind])} on the path, and ${variable} is not set")
        programs.append(program)
    return programs[0], programs[1]


@contextmanager
def chromium(folder: Path, *arguments: str) -> Iterator["object"]:
    """A Selenium driver of a browser that starts with nothing and keeps what it writes in `folder`."""
    program, driver = found()
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = program
    quiet = (
        "no-first-run",
        "disable-background-networking",
        "disable-component-update",
        "disable-sync",
        "mute-audio",
    )
    for argument in ("headless=new", "no-sandbox", "disable-gpu", *quiet, f"user-data-dir={folder}", *arguments):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options=options, service=Service(driver))
    try:
        browser.set_script_timeout(30)
        yield browser
    finally:
        browser.quit()


def visit(browser, address: str) -> None:
    """Open a page and wait until it is there: on a busy machine the driver may return while the last one still is."""
    browser.get(address)
    until(browser, "location.href === new URL(arguments[0]).href && document.readyState === 'complete'", address)


def look(browser, *, width=1280, height=900, dark=False, calm=False) -> None:
    """What the page finds: the size of its window, and what its reader prefers."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    prefers = {"color-scheme": "dark" if dark else "light", "reduced-motion": "reduce" if calm else "no-preference"}
    features = [{"name": f"prefers-{name}", "value": value} for name, value in prefers.items()]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def complaints(browser) -> list[str]:
    """What the console got since it was last asked, without what is only information."""
    return [entry["message"] for entry in browser.get_log("browser") if entry["level"] in ("WARNING", "SEVERE")]


def asked_for(browser) -> set[str]:
    """The addresses that pages from files asked for, since this was last asked."""
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    requests = [event["params"] for event in events if event["method"] == "Network.requestWillBeSent"]
    return {r["request"]["url"] for r in requests if r["documentURL"].startswith(("file:", "blob:", "data:"))}


def until(browser, script: str, *arguments, seconds: float = 10):
    """Wait until a script's expression is true, and return it."""
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, seconds, 0.02).until(lambda b: b.execute_script(f"return {script}", *arguments))
