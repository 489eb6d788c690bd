// A Plotly figure that takes new points in place: nothing flickers, and what its reader zoomed
// stays, as long as the figure's `uirevision` does.

import { readTheme } from "./colors.js";
import { loadPlotly } from "./plotly.js";

const boxes = new WeakMap();

function themed(layout, theme) {
  const axis = (own) => ({
    gridcolor: theme.grid,
    zerolinecolor: theme.grid,
    linecolor: theme.line,
    automargin: true,
    ...own,
  });
  const paper = "rgba(0,0,0,0)";
  return {
    ...layout,
    autosize: true,
    // A finger that moves over a figure scrolls the page.
    dragmode: matchMedia("(pointer: coarse)").matches ? false : layout.dragmode,
    paper_bgcolor: paper,
    plot_bgcolor: paper,
    font: { family: theme.font, size: 12, color: theme.text },
    hoverlabel: {
      bgcolor: theme.background,
      bordercolor: theme.line,
      font: { family: theme.font, size: 12, color: theme.text },
    },
    xaxis: axis(layout.xaxis),
    yaxis: axis(layout.yaxis),
  };
}

export function live({ data, parentElement }) {
  let box = boxes.get(parentElement);
  if (!box) {
    const element = document.createElement("div");
    element.className = "live-figure";
    element.setAttribute("role", "img");
    parentElement.append(element);
    box = { element, watch: null, gone: false, drawn: Promise.resolve() };
    boxes.set(parentElement, box);
  }
  const figure = JSON.parse(data.figure);
  const { element } = box;
  element.setAttribute("aria-label", data.label);
  // The room is there before the figure is, so that nothing below it jumps.
  element.style.height = `${figure.layout.height}px`;
  const draw = async () => {
    await loadPlotly(data.plotly);
    if (box.gone) return;
    const layout = themed(figure.layout, readTheme(element));
    await window.Plotly.react(element, figure.data, layout, data.config);
    element.dataset.drawn = String(Number(element.dataset.drawn ?? 0) + 1);
    if (box.watch || box.gone) return;
    box.watch = new ResizeObserver(() => window.Plotly.Plots.resize(element));
    box.watch.observe(element);
  };
  // One after another, whatever became of the one before.
  box.drawn = box.drawn.catch(() => null).then(draw);
  return () => {
    box.gone = true;
    box.watch?.disconnect();
    element.remove();
    boxes.delete(parentElement);
    // Plotly trips over a figure that is taken away while it is drawn.
    box.drawn.catch(() => null).then(() => window.Plotly?.purge(element));
  };
}
