"""One HTML file that needs no other: script, style and data inside, and no way out.

The page's policy lets only the scripts and styles run whose hashes it names, and lets nothing be fetched but what a
page is explicitly allowed. Data stand in elements that are never run, with every < escaped, so that no text in them
can end its element.
"""

import base64
import hashlib
import html
import json
from collections.abc import Iterable
from importlib.resources import files
from string import Template
from typing import Any


def page(
    title: str,
    styles: Iterable[str],
    scripts: Iterable[str],
    data: dict[str, Any],
    allow: dict[str, str] | None = None,
) -> bytes:
    """The page as a file's bytes. Styles and scripts are named files of this folder; each value of `data` stands, as
    JSON, in an element with the key as its id. `allow` adds sources to the page's policy, by its directives.

    Raises      ValueError: a number in the data is NaN or infinite
    """
    style_texts, script_texts = [part(name) for name in styles], [part(name) for name in scripts]
    policy = {
        "default-src": "'none'",
        "script-src": _hashes(script_texts),
        "style-src": _hashes(style_texts),
        "img-src": "data: blob:",
        "media-src": "data: blob:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    for directive, sources in (allow or {}).items():
        policy[directive] = f"{policy.get(directive, '')} {sources}".strip()
    text = Template(part("page.html")).substitute(
        title=html.escape(title),
        policy="; ".join(f"{name} {value}" for name, value in policy.items()),
        styles="\n".join(f"<style>{text}</style>" for text in style_texts),
        data="\n".join(_inert(name, value) for name, value in data.items()),
        scripts="\n".join(f"<script>{text}</script>" for text in script_texts),
    )
    return text.encode(errors="xmlcharrefreplace")


def part(name: str) -> str:
    """A file of this folder, with lines that end as in the page: browsers hash them so."""
    return (files(__name__) / name).read_text(encoding="utf-8").replace("\r\n", "\n")


def _hashes(texts: list[str]) -> str:
    digests = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts)
    return " ".join(f"'sha256-{digest}'" for digest in digests)


def _inert(name: str, value: Any) -> str:
    text = json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return f'<script type="application/json" id="{html.escape(name)}">{text}</script>'
