"use strict";
// The reader's key is a variable of this page: it is stored nowhere, and sent to this server only, when Send is pressed.
let myKey = "";
let language = "0";
let index = null;
const one = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

function make(name, text, className) {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function fillSamples() {
  for (const place of all(".my-key")) place.textContent = myKey || "YOUR_API_KEY";
  for (const place of all(".my-origin")) place.textContent = location.origin;
}

function chooseLanguage() {
  for (const tab of all(`.tabs input[data-language="${language}"]`)) tab.checked = true;
}

function addCopyButtons() {
  for (const box of all("[data-copy]")) {
    const button = make("button", "Copy", "copy");
    button.type = "button";
    button.addEventListener("click", async () => {
      const shown = all("pre", box).find((pre) => pre.offsetParent !== null);
      // Browsers give the clipboard to pages over https or loopback only; elsewhere the text is selected.
      if (navigator.clipboard) await navigator.clipboard.writeText(shown.textContent);
      else getSelection().selectAllChildren(shown);
      button.textContent = navigator.clipboard ? "Copied" : "Selected";
      setTimeout(() => (button.textContent = "Copy"), 1500);
    });
    box.append(button);
  }
}

// What a form asks for: the path with its parameters, the query, the headers and the body.
function requestOf(form) {
  let path = form.dataset.path;
  const query = new URLSearchParams();
  const options = { method: form.dataset.method, headers: { "X-Api-Key": myKey }, credentials: "omit", cache: "no-store" };
  for (const input of all("[data-in]", form)) {
    const { in: place, name } = input.dataset;
    if (place === "body") {
      options.body = input.value;
      options.headers["Content-Type"] = input.dataset.type;
    } else if (place === "path") path = path.replace(`{${name}}`, encodeURIComponent(input.value));
    else if (input.value && place === "query") query.append(name, input.value);
    else if (input.value) options.headers[name] = input.value;
  }
  return [query.size ? `${path}?${query}` : path, options];
}

async function send(form) {
  const outcome = one(".outcome", form);
  outcome.replaceChildren();
  if (!myKey) {
    outcome.append(make("p", "Put your key in at the top first.", "bad"));
    one("#menu").checked = false;
    one("#key").focus();
    return;
  }
  const [address, options] = requestOf(form);
  outcome.append(make("p", "Sending"));
  const began = performance.now();
  try {
    const answer = await fetch(address, options);
    const text = await answer.text();
    const told = `${answer.status} in ${Math.round(performance.now() - began)} ms, ${answer.headers.get("X-Request-Id")}`;
    outcome.replaceChildren(make("p", `${options.method} ${address}`), make("p", told, answer.ok ? "good" : "bad"));
    outcome.append(make("pre", pretty(text)));
  } catch (error) {
    outcome.replaceChildren(make("p", `No answer: ${error.message}`, "bad"));
  }
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function readyForms() {
  for (const form of all(".try form")) {
    form.closest(".try").hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      send(form);
    });
  }
}

async function search() {
  const box = one("#found");
  const words = one("#search").value.toLowerCase().split(/\s+/).filter(Boolean);
  if (index === null) index = await (await fetch("/docs/search.json", { credentials: "omit" })).json();
  if (!words.length) return closeSearch();
  const found = index
    .map((entry) => [words.map((word) => rank(entry, word)), entry])
    .filter(([ranks]) => ranks.every(Boolean))
    .sort(([a], [b]) => b.reduce((x, y) => x + y) - a.reduce((x, y) => x + y));
  box.replaceChildren(...found.slice(0, 20).map(([, entry]) => result(entry, words)));
  if (!found.length) box.append(make("p", "Nothing found."));
  box.hidden = false;
}

function rank(entry, word) {
  if (entry.title.toLowerCase().includes(word)) return 8;
  if (`${entry.method} ${entry.path} ${entry.topic}`.toLowerCase().includes(word)) return 4;
  if (entry.summary.toLowerCase().includes(word)) return 2;
  return [...entry.fields, ...entry.errors].some((name) => name.includes(word)) ? 1 : 0;
}

function result(entry, words) {
  const link = make("a");
  link.href = entry.to;
  const named = [...entry.fields, ...entry.errors].filter((name) => words.some((word) => name.includes(word)));
  const method = make("span", entry.method, `method ${entry.method.toLowerCase()}`);
  link.append(method, ` ${entry.title}`, make("small", `${entry.topic} - ${named.slice(0, 4).join(", ") || entry.summary}`));
  return link;
}

function closeSearch() {
  one("#found").hidden = true;
}

function moveInResults(event) {
  const links = all("#found a");
  if (one("#found").hidden || !links.length) return;
  const at = links.indexOf(document.activeElement);
  if (event.key === "Enter" && at < 0) links[0].click();
  else if (event.key === "ArrowDown") links[Math.min(at + 1, links.length - 1)].focus();
  else if (event.key === "ArrowUp") (at > 0 ? links[at - 1] : one("#search")).focus();
  else return;
  event.preventDefault();
}

// Links within the reference change the content and leave the page, and so the key in its memory, where it is.
async function go(address, remember) {
  const to = new URL(address, location.href);
  closeSearch();
  one("#menu").checked = false;
  if (to.pathname !== shownPath) {
    const answer = await fetch(to.pathname, { credentials: "omit" }).catch(() => null);
    if (!answer?.ok) return void (location.href = address);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.title = page.title;
    one("main").replaceWith(one("main", page));
    one(".navigation").replaceChildren(...one(".navigation", page).childNodes);
    shownPath = to.pathname;
    ready();
  }
  if (remember) history.pushState(null, "", to);
  const target = to.hash && document.getElementById(decodeURIComponent(to.hash.slice(1)));
  if (target) target.scrollIntoView();
  else scrollTo(0, 0);
  one("main").focus({ preventScroll: true });
}

let shownPath = location.pathname;
let watcher = null;

function markWhereOneIs() {
  watcher?.disconnect();
  watcher = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        for (const link of all(".navigation ul ul a")) {
          if (link.hash === `#${entry.target.id}`) link.setAttribute("aria-current", "true");
          else link.removeAttribute("aria-current");
        }
      }
    },
    { rootMargin: "-20% 0px -75% 0px" },
  );
  for (const section of all("[data-operation]")) watcher.observe(section);
}

function ready() {
  fillSamples();
  chooseLanguage();
  addCopyButtons();
  readyForms();
  markWhereOneIs();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (!event.target.closest(".search")) closeSearch();
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0 || "plain" in link.dataset) return;
  if (link.origin !== location.origin || !/^\/docs(\/|$)/.test(link.pathname) || link.classList.contains("skip")) return;
  event.preventDefault();
  go(link.href, true);
});
document.addEventListener("change", (event) => {
  if (event.target.dataset.language) {
    language = event.target.dataset.language;
    chooseLanguage();
  }
});
document.addEventListener("keydown", (event) => {
  const writing = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.tagName);
  if (event.key === "/" && !writing) {
    event.preventDefault();
    one("#search").focus();
  } else if (event.key === "Escape") closeSearch();
  else if (event.target.closest(".search")) moveInResults(event);
});
addEventListener("popstate", () => go(location.href, false));
one("#search").addEventListener("input", search);
one("#key").addEventListener("input", (event) => {
  myKey = event.target.value.trim();
  fillSamples();
});
for (const part of all(".search, .key")) part.hidden = false;
ready();
