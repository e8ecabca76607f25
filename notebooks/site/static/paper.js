/** What the printed course knows only once it is drawn: its contents, and where links lead. */

/** Put the name of each document into its section; alone between two it would begin a sheet. */
function joinPlaces() {
  for (const place of document.querySelectorAll("span[id^=document-]"))
    place.nextElementSibling?.prepend(place);
}

/**
 * Let links lead to the place in the document that they mean; a name such as "What you did" is a
 * place in each of them.
 */
function aimLinks() {
  /** @type {NodeListOf<HTMLAnchorElement>} */
  const links = document.querySelectorAll('a[href^="#"]');
  const aims = [...links].map(aimOf);
  const taken = new Set();
  for (const section of document.querySelectorAll("section")) {
    if (taken.has(section.id)) section.id += `-${taken.size}`;
    taken.add(section.id);
  }
  for (const [i, aim] of aims.entries()) if (aim) links[i].href = `#${aim.id}`;
}

/** @param {Element} link to #place, #document-name or #document-name#place */
function aimOf(link) {
  const names = (link.getAttribute("href") ?? "").split("#").slice(1).map(decodeURIComponent);
  const place = names[0].startsWith("document-") ? names.shift() : undefined;
  const chapter = place ? document.getElementById(place)?.parentElement : chapterOf(link);
  return names[0] ? chapter?.querySelector(`[id="${CSS.escape(names[0])}"]`) : chapter;
}

/** @param {Element} part */
function chapterOf(part) {
  return part.closest("section:has(> span[id^=document-])");
}

/** Fill the contents, begin each chapter with its name at the top, and unfold what is folded. */
function layOut() {
  joinPlaces();
  aimLinks();
  const sheets = [];
  for (const heading of document.querySelectorAll("section section > :is(h2, h3)")) {
    const section = /** @type {HTMLElement} */ (heading.parentElement);
    const chapter = chapterOf(section);
    const words = wordsOf(heading);
    if (section === chapter) {
      const name = `chapter${sheets.length}`;
      section.style.setProperty("page", name);
      sheets.push(`@page ${name} { @top-left { content: ${JSON.stringify(words)}; } }`);
      section.classList.toggle("back", section.querySelector(".cell") === null);
    }
    const isListed = section === chapter || !chapter?.matches(".back");
    if (isListed && !words.startsWith("Exercise"))
      document.querySelector(".contents")?.append(entry(section, heading.localName, words));
  }
  for (const fold of document.querySelectorAll("details")) fold.open = true;
  const style = document.createElement("style");
  style.textContent = sheets.join("\n");
  document.head.append(style);
}

/** @param {Element} heading */
function wordsOf(heading) {
  const copy = /** @type {Element} */ (heading.cloneNode(true));
  for (const mark of copy.querySelectorAll(".headerlink")) mark.remove();
  return copy.textContent?.trim() ?? "";
}

/**
 * A number stands in it from the beginning: so nothing moves when the right one comes.
 *
 * @param {Element} section
 * @param {string} level
 * @param {string} words
 */
function entry(section, level, words) {
  const line = document.createElement("a");
  line.className = level;
  line.href = `#${section.id}`;
  const [title, number] = [document.createElement("span"), document.createElement("b")];
  title.textContent = words;
  number.textContent = "000";
  line.append(title, number);
  return line;
}

/** @param {Record<string, number>} pages where each place came to stand */
function writeNumbers(pages) {
  for (const line of /** @type {NodeListOf<HTMLAnchorElement>} */ (
    document.querySelectorAll(".contents a")
  )) {
    const shown = line.querySelector("b");
    if (shown) shown.textContent = String(pages[decodeURIComponent(line.hash.slice(1))]);
  }
}

Object.assign(globalThis, { layOut, writeNumbers }); // for the Python that prints
