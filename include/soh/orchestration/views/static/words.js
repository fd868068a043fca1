// Numbers, times and ages as people read them.

/** The states of health, from worst to best, and the two of a facility that has no grade. */
export const STATES = ["danger", "warning", "caution", "unknown", "normal", "idle"];

export const count = (number) => number.toLocaleString("en-GB");

export const fixed = (number, digits, unit = "") =>
  number === null || number === undefined ? "–" : `${number.toFixed(digits)}${unit}`;

export const pf = (number) => fixed(number, 3);
export const probability = (number) => (number === null ? "–" : `${(100 * number).toFixed(0)} %`);
export const temperature = (number) => fixed(number, 1, " °C");

let offset = 0;

/** Keep the server's clock in mind: ages must not depend on how this browser's clock is set. */
export function serverTime(iso) {
  offset = Date.parse(iso) - Date.now();
}

export const now = () => Date.now() + offset;

/** "4 s", "12 min", "3 h 05 min", "2 d": how long ago a moment was. */
export function age(iso) {
  if (!iso) return "–";
  const seconds = Math.max(0, Math.round((now() - Date.parse(iso)) / 1000));
  if (seconds < 100) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 100) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${String(minutes % 60).padStart(2, "0")} min`;
  return `${Math.floor(hours / 24)} d`;
}

export const ago = (iso) => (iso ? `${age(iso)} ago` : "–");

const two = (number) => String(number).padStart(2, "0");

/** Clock time of this browser's time zone; with the day when it is not today. */
export function clock(iso, seconds = true) {
  const moment = new Date(iso);
  const time = `${two(moment.getHours())}:${two(moment.getMinutes())}${seconds ? `:${two(moment.getSeconds())}` : ""}`;
  const today = moment.toDateString() === new Date(now()).toDateString();
  return today ? time : `${two(moment.getDate())}.${two(moment.getMonth() + 1)}. ${time}`;
}

/** What stands for a model's version on a grade. */
export const version = (name) => ({ rule: "rule", none: "no model" })[name] ?? `v${name}`;

export const plural = (number, one, many) => `${count(number)} ${number === 1 ? one : many}`;
