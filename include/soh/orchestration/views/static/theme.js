// The page wears the theme that Airflow wears around it, and the browser's own where there is no Airflow around it.

import { attribute } from "./dom.js";

function around() {
  try {
    return window.parent === window ? null : window.parent.document;
  } catch {
    return null;
  }
}

export function followTheme() {
  const frame = around()?.documentElement;
  if (!frame) return;
  const follow = () => {
    const theme = ["dark", "light"].find((name) => frame.classList.contains(name)) ?? frame.dataset.theme;
    attribute(document.documentElement, "data-theme", theme);
  };
  follow();
  new MutationObserver(follow).observe(frame, { attributes: true, attributeFilter: ["class", "data-theme"] });
}

/** Go to a page of Airflow. A frame's sandbox keeps its own links inside it; the page around it may leave. */
export function goTo(path) {
  const where = around() ?? document;
  const link = where.createElement("a");
  link.href = new URL(`..${path}`, document.baseURI).href;
  link.click();
}
