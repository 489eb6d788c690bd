// plotly.js from the Python package, loaded once by a script tag.

let loading = null;

export function loadPlotly(url) {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = new URL(url, document.baseURI).href;
    script.onload = resolve;
    script.onerror = () => {
      loading = null;
      reject(new Error(`plotly.js did not load from ${script.src}`));
    };
    document.head.append(script);
  });
  return loading;
}

// Software rendering is paid by the pixel; a real graphics card can have the screen's own.
export function renderingPixelRatio() {
  const gl = document.createElement("canvas").getContext("webgl");
  const info = gl?.getExtension("WEBGL_debug_renderer_info");
  const renderer = info ? gl.getParameter(info.UNMASKED_RENDERER_WEBGL) : "";
  gl?.getExtension("WEBGL_lose_context")?.loseContext();
  if (!gl || /swiftshader|llvmpipe|software/i.test(renderer)) return 1;
  return Math.min(window.devicePixelRatio || 1, 2);
}
