"""The viewer with one packet as a single HTML file that works without a network.

All of it is inside: the viewer's modules, plotly.js and the packet, the two large ones gzipped.
A browser of 2023 or later unpacks them itself (DecompressionStream).
"""

from __future__ import annotations

import base64
import gzip
import html
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from core.viz.bundle import bundle
from core.viz.packet import Packet
from core.viz.style import THEMES

ASSETS = Path(__file__).resolve().parents[2] / "assets" / "viewer"
PRIMARY = {"light": "#0072B2", "dark": "#56B4E9"}
KINDS = {"f4": "Float32Array", "i2": "Int16Array", "u1": "Uint8Array", "i4": "Int32Array"}

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>%(title)s</title>
<style>
:root { %(light)s }
@media (prefers-color-scheme: dark) { :root { %(dark)s } }
body {
  margin: 0; padding: 16px; background: var(--st-background-color); color: var(--st-text-color);
  font-family: var(--st-font);
}
main { max-width: 1600px; margin: 0 auto; }
footer { margin-top: 16px; font-size: 12px; line-height: 1.5; opacity: 0.8; }
footer p { margin: 0; }
%(css)s
</style>
<main>
<div id="viewer"><p id="waiting">Unpacking …</p></div>
<footer>%(notes)s</footer>
</main>
<script type="text/plain" id="plotly">%(plotly)s</script>
<script type="text/plain" id="arrays">%(arrays)s</script>
<script type="application/json" id="index">%(index)s</script>
<script type="module">
%(script)s
const text = (id) => document.getElementById(id).textContent;
const unpack = (id) => {
  const packed = Uint8Array.from(atob(text(id)), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
};
const waiting = document.getElementById("waiting");
try {
  const [plotly, bytes] = await Promise.all([unpack("plotly"), unpack("arrays")]);
  const { spec, arrays } = JSON.parse(text("index"));
  const data = { spec: JSON.stringify(spec), key: "page" };
  const kinds = { Float32Array, Int16Array, Uint8Array, Int32Array };
  for (const { name, kind, start, length } of arrays) {
    const values = new kinds[kind](bytes, start, length);
    data[name] = { getChildAt: () => ({ toArray: () => values }) };
  }
  data.plotly = URL.createObjectURL(new Blob([plotly], { type: "text/javascript" }));
  const mounted = { data, parentElement: document.getElementById("viewer"), setStateValue() {} };
  waiting.remove();
  modules["main.js"].mount(mounted);
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  scheme.addEventListener("change", () => modules["main.js"].mount(mounted));
} catch (error) {
  document.getElementById("viewer").append(waiting);
  waiting.textContent =
    `This browser can't show the viewer (${error.message}). It takes one of 2023 or later.`;
}
</script>
</html>
"""


def page(packet: Packet, *, notes: tuple[str, ...] = ()) -> str:
    """Make the page.

    Args:
        packet: what it shows.
        notes: lines below the viewer: what the data is, whose it is, what the checkpoint is.
    """
    index, arrays = _packed(packet)
    return _PAGE % {
        "title": html.escape(packet.title),
        "light": _variables("light"),
        "dark": _variables("dark"),
        "css": (ASSETS / "viewer.css").read_text(encoding="utf-8"),
        "notes": "".join(f"<p>{html.escape(note)}</p>" for note in notes if note),
        "plotly": _plotly(),
        "arrays": arrays,
        # Nothing in a JSON text may end the element around it.
        "index": json.dumps(index).replace("<", "\\u003c"),
        "script": bundle(ASSETS / "main.js"),
    }


def _packed(packet: Packet) -> tuple[dict[str, Any], str]:
    """Put all arrays into one, each at a multiple of 4 bytes, and say what lies where."""
    payload = packet.payload()
    spec = json.loads(payload.pop("spec"))
    described, parts, start = [], [], 0
    for name, values in payload.items():
        array = np.ascontiguousarray(values)
        kind = KINDS[array.dtype.str[1:]]
        described.append({"name": name, "kind": kind, "start": start, "length": array.size})
        content = array.astype(array.dtype.newbyteorder("<")).tobytes()
        content += bytes(-len(content) % 4)
        parts.append(content)
        start += len(content)
    return {"spec": spec, "arrays": described}, _gzipped(b"".join(parts))


def _gzipped(content: bytes) -> str:
    # Without a time in it, the same packet gives the same page.
    return base64.b64encode(gzip.compress(content, 9, mtime=0)).decode()


@cache
def _plotly() -> str:
    # The package's own full build; no smaller one comes with it.
    import plotly

    return _gzipped((Path(plotly.__file__).parent / "package_data" / "plotly.min.js").read_bytes())


def _variables(theme: str) -> str:
    colors = THEMES["dark" if theme == "dark" else "light"]
    values = {
        "background-color": colors["background"],
        "text-color": colors["text"],
        "primary-color": PRIMARY[theme],
        "font": "system-ui, sans-serif",
    }
    scheme = f"color-scheme: {theme};"
    return scheme + " ".join(f"--st-{name}: {value};" for name, value in values.items())
