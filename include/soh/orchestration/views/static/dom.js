// Building and changing the page's elements. Text always goes in as text, so nothing from outside can be markup.

const SVG = "http://www.w3.org/2000/svg";

/** A new element; `attributes` may hold `class`, `text`, event listeners (`onclick`) and any attribute. */
export function el(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** The same for SVG. */
export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "text") element.textContent = value;
    else if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export const byId = (id) => document.getElementById(id);

/** Write a text only when it is another one: what does not change does not flicker, and stays selected. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function attribute(element, name, value) {
  if (value === null || value === undefined || value === false) {
    if (element.hasAttribute(name)) element.removeAttribute(name);
  } else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

/**
 * Make the children of `parent` those of `items`, in their order: `make` builds a child for a new key,
 * `update` brings a child up to date. Children stay the same elements for as long as their key is there.
 */
export function keyed(parent, items, key, make, update) {
  const known = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let before = parent.firstElementChild;
  for (const item of items) {
    const name = String(key(item));
    let child = known.get(name);
    if (child) known.delete(name);
    else {
      child = make(item);
      child.dataset.key = name;
    }
    if (child === before) before = before.nextElementSibling;
    else parent.insertBefore(child, before);
    update(child, item);
  }
  for (const child of known.values()) child.remove();
}

/** The shape of a state or light: colour is never the only thing that tells them apart. */
export function shape(name) {
  return svg("svg", { class: `shape ${name}`, viewBox: "0 0 16 16", "aria-hidden": "true" }, svg("use", { href: `#shape-${name}` }));
}

export function reshape(element, name) {
  if (element.classList.contains(name)) return;
  element.setAttribute("class", `shape ${name}`);
  element.firstElementChild.setAttribute("href", `#shape-${name}`);
}
