// What Streamlit calls: `mount` for the viewer, `control` for the small component beside it that
// carries what changes without a new packet.

import { Packet } from "./packet.js";
import { loadPlotly } from "./plotly.js";
import { Viewer } from "./viewer.js";

// By the component's element: Streamlit calls again on new data or another theme.
const viewers = new WeakMap();
// By the key that Python mounts under.
const mounted = new Map();
const asked = new Map();

export function mount({ data, parentElement, setStateValue }) {
  const packet = new Packet(data);
  let viewer = viewers.get(parentElement);
  if (!viewer) {
    viewer = new Viewer(parentElement, packet, loadPlotly(data.plotly));
    viewers.set(parentElement, viewer);
    mounted.set(data.key, viewer);
    viewer.root.poseViewer = viewer;
  } else if (viewer.packet.digest !== packet.digest) {
    viewer.show(packet);
  } else {
    viewer.setTheme();
  }
  viewer.onreport = (position) => setStateValue("position", position);
  obey(data.key);
  return () => {
    viewer.dispose();
    viewers.delete(parentElement);
    if (mounted.get(data.key) === viewer) mounted.delete(data.key);
  };
}

export function control({ data, parentElement }) {
  // It shows nothing, so it must not leave a gap in the page.
  const box = parentElement.closest?.("[data-testid='stElementContainer']");
  if (box) box.style.display = "none";
  asked.set(data.key, data);
  obey(data.key);
}

// Does what Python last asked for, once its packet is here: the two components come in any order.
function obey(key) {
  const viewer = mounted.get(key);
  const wish = asked.get(key);
  if (!viewer || !wish || viewer.packet.timeline !== wish.timeline) return;
  viewer.setProtocol(wish.protocol);
  if (viewer.obeyed === wish.nonce) return;
  viewer.obeyed = wish.nonce;
  viewer.obey(wish.frame);
}
