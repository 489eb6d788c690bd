// Two buttons under a Plotly figure of the page: save it as a PNG or an SVG, with its title, as
// light or dark as it stands.

import { download } from "./export.js";
import { loadPlotly } from "./plotly.js";

const SCALE = 2;
// A phone's figure would be too narrow to be put anywhere.
const LEAST_WIDTH = 720;
const TITLE_PX = 40;

export function save({ data, parentElement }) {
  // The component's style stands beside it and stays.
  parentElement.querySelector(".figure-save")?.remove();
  const row = document.createElement("div");
  row.className = "figure-save";
  for (const format of ["png", "svg"]) {
    const button = document.createElement("button");
    button.textContent = format.toUpperCase();
    button.title = `Save this figure as ${format.toUpperCase()}`;
    button.setAttribute("aria-label", `${button.title}: ${data.title}`);
    button.onclick = async () => {
      button.disabled = true;
      try {
        download(await drawn(data, parentElement, format), `${data.file}.${format}`);
      } finally {
        button.disabled = false;
      }
    };
    row.append(button);
  }
  parentElement.append(row);
}

async function drawn(data, parentElement, format) {
  await loadPlotly(data.plotly);
  const plot = parentElement.closest(`.st-key-${data.box}`).querySelector(".js-plotly-plot");
  const { backgroundColor, color } = getComputedStyle(document.querySelector(".stApp"));
  const shown = plot._fullLayout;
  const margin = { ...shown.margin };
  const layout = {
    ...plot.layout,
    paper_bgcolor: backgroundColor,
    plot_bgcolor: backgroundColor,
    font: { ...plot.layout.font, color },
    title: { text: escaped(data.title), x: 0.01, xanchor: "left", font: { size: 15, color } },
    margin: { ...margin, t: (margin.t || 0) + TITLE_PX },
    autosize: false,
  };
  // The page's own grey for axes is too pale on white.
  for (const name of Object.keys(shown).filter((key) => /^[xy]axis\d*$/.test(key))) {
    const axis = plot.layout[name] ?? {};
    const title = { ...axis.title, font: { ...axis.title?.font, color } };
    layout[name] = { ...axis, tickfont: { ...axis.tickfont, color }, title };
  }
  const size = {
    width: Math.max(shown.width, LEAST_WIDTH),
    height: shown.height + TITLE_PX,
    scale: format === "png" ? SCALE : 1,
  };
  const address = await window.Plotly.toImage({ data: plot.data, layout }, { format, ...size });
  return (await fetch(address)).blob();
}

function escaped(text) {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;");
}
