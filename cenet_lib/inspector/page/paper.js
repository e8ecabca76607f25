/** Whether the page is being printed: then colours are those for white paper, and maps finer. */

const PRINT = window.matchMedia("print");
const PAPER_RATIO = 3; // a printer's dots are finer than a screen's pixels
let printing = PRINT.matches;

export const isPrinting = () => printing;

/** Pixels of a canvas to one of the page. */
export const pixelRatio = () => (printing ? PAPER_RATIO : window.devicePixelRatio || 1);

/**
 * Call back before the page is printed and afterwards, until the function returned is called.
 *
 * @param {() => void} changed
 */
export function watchPrinting(changed) {
  const tell = (/** @type {boolean} */ now) => {
    printing = now;
    changed();
  };
  // Browsers differ in which of these they send, and when.
  const [before, after] = [() => tell(true), () => tell(false)];
  const media = () => tell(PRINT.matches);
  window.addEventListener("beforeprint", before);
  window.addEventListener("afterprint", after);
  PRINT.addEventListener("change", media);
  return () => {
    window.removeEventListener("beforeprint", before);
    window.removeEventListener("afterprint", after);
    PRINT.removeEventListener("change", media);
  };
}
