/** Colours: two themes, the ramp of attention, and the ink that can be read on a colour. */

import { clamp } from "./dom.js";

/** @typedef {[number, number, number]} Rgb */

const LIGHT_PALETTE = {
  paper: "#ffffff",
  soft: "#f5f6f8",
  line: "#d8dce3",
  ink: "#1a1e26",
  muted: "#59616e",
  positive: "#0063a6",
  negative: "#b14300",
  accent: "#5a2ca0",
};
/** @typedef {typeof LIGHT_PALETTE} Palette */

/** @type {Palette} */
const DARK_PALETTE = {
  paper: "#15171c",
  soft: "#1f222a",
  line: "#3a404c",
  ink: "#e9ebf0",
  muted: "#a6aebb",
  positive: "#6cb8f5",
  negative: "#f0a25c",
  accent: "#bda7ff",
};

/**
 * A palette, its paper as numbers, the ramp from no attention to the most there is, and that from
 * the most that a second model takes more to the most that the first one does.
 *
 * @typedef {Palette & { dark: boolean, back: Rgb, ramp: Rgb[], differences: Rgb[] }} Theme
 */

const RAMP_STEPS = 256;

/**
 * @param {boolean} dark
 * @param {Palette} palette
 * @param {string[]} stops of the ramp
 * @param {string[]} differences the stops of that of differences
 * @returns {Theme}
 */
function makeTheme(dark, palette, stops, differences) {
  const rampOf = (/** @type {string[]} */ some) =>
    Array.from({ length: RAMP_STEPS }, (_, i) => mix(some, i / (RAMP_STEPS - 1)));
  const ramps = { ramp: rampOf(stops), differences: rampOf(differences) };
  return { ...palette, dark, back: channelsOf(palette.paper), ...ramps };
}

/** @param {string} hex @returns {Rgb} */
export function channelsOf(hex) {
  const channel = (/** @type {number} */ i) => Number.parseInt(hex.slice(i, i + 2), 16);
  return [channel(1), channel(3), channel(5)];
}

/**
 * Mix a ramp of colours at x in [0, 1].
 *
 * @param {string[]} stops
 * @param {number} x
 * @returns {Rgb}
 */
export function mix(stops, x) {
  const place = clamp(x, 0, 1) * (stops.length - 1);
  const i = Math.min(Math.floor(place), stops.length - 2);
  const [a, b] = [channelsOf(stops[i]), channelsOf(stops[i + 1])];
  return eachChannel((j) => Math.round(a[j] + (place - i) * (b[j] - a[j])));
}

/**
 * Move a colour towards the paper, so that others stand out.
 *
 * @param {Theme} theme
 * @param {Rgb} rgb
 */
export function stepBack(theme, rgb) {
  return eachChannel((j) => Math.round(0.45 * rgb[j] + 0.55 * theme.back[j]));
}

/** @param {(channel: number) => number} value @returns {Rgb} */
const eachChannel = (value) => [value(0), value(1), value(2)];

/** @param {Rgb} rgb */
export const css = (rgb) => `rgb(${rgb.join(",")})`;

/**
 * The colour of an attention, on a scale that ends at the most there is.
 *
 * @param {Theme} theme
 * @param {number} value
 * @param {number} most
 */
export function rampColour(theme, value, most) {
  return theme.ramp[Math.round((RAMP_STEPS - 1) * clamp(value / most, 0, 1))];
}

/**
 * The colour of a difference, on a scale that ends at the largest on both sides.
 *
 * @param {Theme} theme
 * @param {number} value
 * @param {number} most
 */
export function differenceColour(theme, value, most) {
  return theme.differences[Math.round((RAMP_STEPS - 1) * clamp((value / most + 1) / 2, 0, 1))];
}

/** Relative luminance, as WCAG 2 defines it. @param {Rgb} rgb */
function luminance(rgb) {
  const linear = (/** @type {number} */ v) =>
    v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const [r, g, b] = eachChannel((j) => linear(rgb[j] / 255));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** Black or white, whichever reads better on a colour (always 4.5:1 or more). @param {Rgb} rgb */
export const inkOn = (rgb) => (luminance(rgb) > 0.179 ? "#000000" : "#ffffff");

/**
 * Give a theme's colours to the styles of an element, as CSS variables.
 *
 * @param {HTMLElement} element
 * @param {Theme} theme
 */
export function dress(element, theme) {
  const names = /** @type {(keyof Palette)[]} */ (Object.keys(LIGHT_PALETTE));
  for (const name of names) element.style.setProperty(`--${name}`, theme[name]);
  element.style.colorScheme = theme.dark ? "dark" : "light";
}

const LIGHT_RAMP = ["#ffffff", "#ded3f4", "#ab8ddf", "#6a3bbd", "#2c0d66"];
const DARK_RAMP = ["#15171c", "#38296a", "#6a4cc4", "#a88bf5", "#f2edff"];
// Green and violet, which nobody takes for the blue and orange of positive and negative.
const LIGHT_SIDES = ["#00441b", "#2f9150", "#bfe3bd", "#ffffff", "#dccdec", "#9067bd", "#43106e"];
const DARK_SIDES = ["#b9f5c4", "#4cb56a", "#1d4a2c", "#15171c", "#432a66", "#9f76d9", "#eddcff"];
export const LIGHT = makeTheme(false, LIGHT_PALETTE, LIGHT_RAMP, LIGHT_SIDES);
export const DARK = makeTheme(true, DARK_PALETTE, DARK_RAMP, DARK_SIDES);
