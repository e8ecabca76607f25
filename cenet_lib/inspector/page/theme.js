/** The theme of what is around: JupyterLab's, VS Code's, or else the system's. */

import { DARK, LIGHT } from "./colours.js";
import { isPrinting, watchPrinting } from "./paper.js";

const SYSTEM_THEME = window.matchMedia("(prefers-color-scheme: dark)");

/** The theme of JupyterLab, of VS Code, or else of the system; paper is white. */
export function themeAround() {
  if (isPrinting()) return LIGHT;
  const { jpThemeLight, vscodeThemeKind } = document.body.dataset;
  if (jpThemeLight !== undefined) return jpThemeLight === "false" ? DARK : LIGHT;
  const dark = vscodeThemeKind ? /dark|contrast$/.test(vscodeThemeKind) : SYSTEM_THEME.matches;
  return dark ? DARK : LIGHT;
}

/**
 * Call back whenever the theme around may have changed, until the function returned is called.
 *
 * @param {() => void} changed
 */
export function watchTheme(changed) {
  const observer = new MutationObserver(changed);
  const attributeFilter = ["data-jp-theme-light", "class"];
  observer.observe(document.body, { attributes: true, attributeFilter });
  SYSTEM_THEME.addEventListener("change", changed);
  const stop = watchPrinting(changed);
  return () => {
    observer.disconnect();
    SYSTEM_THEME.removeEventListener("change", changed);
    stop();
  };
}
