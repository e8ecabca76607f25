/** Words that explain themselves, live pages in the theme of the site, and what a keyboard needs. */

const tip = document.createElement("div");
tip.className = "meaning";
tip.id = "meaning";
tip.setAttribute("role", "tooltip");
tip.hidden = true;
document.body.append(tip);

/** @param {HTMLElement} word */
function explain(word) {
  tip.textContent = word.dataset.meaning ?? "";
  tip.hidden = false;
  word.setAttribute("aria-describedby", tip.id);
  const at = word.getBoundingClientRect();
  const room = document.documentElement.clientWidth - tip.offsetWidth - 12;
  const below = at.bottom + tip.offsetHeight + 14 < window.innerHeight;
  const top = below ? at.bottom + 6 : at.top - tip.offsetHeight - 6;
  tip.style.left = `${Math.max(12, Math.min(at.left, room)) + window.scrollX}px`;
  tip.style.top = `${top + window.scrollY}px`;
}

function forget() {
  tip.hidden = true;
  document.querySelector("[aria-describedby=meaning]")?.removeAttribute("aria-describedby");
}

for (const word of document.querySelectorAll("a[data-meaning]")) {
  word.addEventListener("mouseenter", () => explain(word));
  word.addEventListener("focus", () => explain(word));
  word.addEventListener("mouseleave", forget);
  word.addEventListener("blur", forget);
}
document.addEventListener("keydown", (event) => event.key === "Escape" && forget());

const system = window.matchMedia("(prefers-color-scheme: dark)");

/** @type {HTMLIFrameElement[]} */
const frames = [...document.querySelectorAll("iframe.live")];

/** Let pictures that have two versions, and live pages, follow the switch of the site. */
function dress() {
  const { theme } = document.body.dataset;
  const dark = theme === "dark" || (theme !== "light" && system.matches);
  document.documentElement.style.colorScheme = dark ? "dark" : "light";
  for (const frame of frames) {
    const body = frame.contentDocument?.body; // null on a page from the disk: it follows the system
    if (!body) continue;
    body.dataset.jpThemeLight = String(!dark);
    body.style.background = dark ? "#0c0d10" : "#eef0f4";
  }
}

/** @param {HTMLIFrameElement} frame shows all of its page, so that only one thing scrolls */
function fit(frame) {
  const page = frame.contentDocument?.documentElement; // null on a page from the disk: it scrolls
  if (!page) return;
  const whole = () => {
    frame.style.height = `${page.offsetHeight + 2}px`;
  };
  new ResizeObserver(whole).observe(page);
}

for (const frame of frames) {
  frame.addEventListener("load", dress);
  frame.addEventListener("load", () => fit(frame));
}
new MutationObserver(dress).observe(document.body, { attributeFilter: ["data-theme"] });
system.addEventListener("change", dress);
dress();

/** What scrolls sideways can be reached by the keyboard. */
function reachScrolling() {
  for (const box of document.querySelectorAll("pre, .table-wrapper, .output, div.math")) {
    if (box.scrollWidth > box.clientWidth) box.setAttribute("tabindex", "0");
    else box.removeAttribute("tabindex");
  }
}

window.addEventListener("resize", reachScrolling);
window.addEventListener("load", reachScrolling);
reachScrolling();

if (!document.querySelector("h1")) {
  const heading = document.createElement("h1"); // the page of the search has none
  heading.textContent = document.title.split(" - ")[0];
  document.querySelector("article")?.prepend(heading);
}
