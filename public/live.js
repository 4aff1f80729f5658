// Keeps an open page fresh. Without this module every page works; with it nobody has to reload.
//
// The server says by an event that what the page shows has changed; then the same page is fetched again, and of the
// parts marked `data-live` those that differ are brought in line, node by node: what has the focus, is open or was
// typed stays. Nothing is listened to while nobody looks.

const MINUTE = 60_000;
/** How long the connection may be away before it is said. */
const PATIENCE = 4_000;
/** How long an answer to a link or a form may take before the page counts as still being read. */
const DEPARTURE = 15_000;
/** The wait after a refusal, doubled up to the longest. */
const SHORTEST_WAIT = 2_000;
const LONGEST_WAIT = MINUTE;
const FIELDS = 'input:not([type=hidden]), textarea, select';

const main = document.querySelector('main[data-stamp]');
const hint = document.querySelector('[data-live-hint]');
const voice = document.querySelector('[data-live-voice]');

/** What the page shows, and the HTML of each part as the server last wrote it. */
let stamp = main?.dataset.stamp;
const written = new Map();
/** Parts that wait until their form is no longer in use. */
const waiting = new Map();

let source;
let told;
let refreshing = false;
let leaving;
let tick;
let away;
let wait = SHORTEST_WAIT;

const parts = (page) => new Map([...page.querySelectorAll('[data-live]')].map((part) => [part.dataset.live, part]));

function listen() {
  if (source || isIdle()) return;
  source = new EventSource(`/live?since=${encodeURIComponent(stamp)}`);
  source.onopen = () => {
    wait = SHORTEST_WAIT;
    found();
  };
  source.addEventListener('ended', () => refresh(false));
  source.onmessage = ({ lastEventId }) => {
    told = lastEventId;
    if (told !== stamp && !refreshing) refresh(true);
  };
  source.onerror = () => {
    // The browser connects again by itself, unless it was refused: then the page says what became of the session.
    if (source?.readyState !== EventSource.CLOSED) return lost();
    hush();
    later(wait);
    wait = Math.min(wait * 2, LONGEST_WAIT);
  };
}

function hush() {
  source?.close();
  source = undefined;
  clearTimeout(tick);
}

/** Nobody reads the page, or a link or a form has been sent off, which a reload would call back. */
const isIdle = () => document.hidden || leaving !== undefined;

function leave() {
  hush();
  clearTimeout(away);
  away = undefined;
  clearTimeout(leaving);
  leaving = setTimeout(stay, DEPARTURE);
}

function stay() {
  clearTimeout(leaving);
  leaving = undefined;
  refresh(true);
}

function later(pause) {
  clearTimeout(tick);
  tick = setTimeout(() => refresh(false), pause);
}

/** Fetches the page again. `announced`: because something has changed, not because time has passed. */
async function refresh(announced) {
  if (refreshing || isIdle()) return;
  refreshing = true;
  const asked = told;
  try {
    const answer = await fetch(location.href, {
      headers: { 'simone-refresh': '1' },
      cache: 'no-store',
      redirect: 'manual',
      signal: AbortSignal.timeout(20_000),
    });
    if (answer.status >= 429) throw new Error(`${answer.status}`);
    const html = await answer.text();
    if (isIdle()) return;
    const page = new DOMParser().parseFromString(html, 'text/html');
    // Logged out, or no longer there: only a new page can say so.
    if (!answer.ok || !page.querySelector('main[data-stamp]')) return location.reload();
    found();
    show(page, announced);
  } catch {
    if (!isIdle()) lost();
  } finally {
    refreshing = false;
  }
  if (isIdle()) return;
  if (told !== asked && told !== stamp) return refresh(true);
  if (source) later(MINUTE);
  else if (hint.hidden) listen();
  else later(wait);
}

function show(page, announced) {
  stamp = page.querySelector('main[data-stamp]').dataset.stamp;
  hint.dataset.liveHint = page.querySelector('[data-live-hint]').dataset.liveHint;
  const next = parts(page);
  for (const name of written.keys()) {
    const part = next.get(name);
    if (!part || part.outerHTML === written.get(name)) waiting.delete(name);
    else waiting.set(name, { part, announced: announced || waiting.get(name)?.announced });
  }
  settle();
}

/** Shows what waits, but for the parts in which someone is writing. */
function settle() {
  const shown = parts(document);
  const words = new Set();
  for (const [name, { part, announced }] of waiting) {
    const here = shown.get(name);
    if (!here || inUse(here)) continue;
    waiting.delete(name);
    written.set(name, part.outerHTML);
    const before = gist(here);
    renew(here, part);
    if (announced && here.dataset.said && gist(here) !== before) words.add(here.dataset.said);
  }
  if (words.size) say([...words].join('. '));
}

/** What matters in a part: its words, without how long ago things were. */
function gist(part) {
  const copy = part.cloneNode(true);
  for (const age of copy.querySelectorAll('[data-age]')) age.remove();
  return copy.textContent;
}

function inUse(part) {
  const focused = document.activeElement;
  return (part.contains(focused) && focused.matches(FIELDS))
    || part.querySelector('dialog[open]') !== null
    || [...part.querySelectorAll(FIELDS)].some(isTouched);
}

function isTouched(field) {
  if (field.options) {
    const options = [...field.options];
    const untouched = options.some((it) => it.defaultSelected) ? (it) => it.defaultSelected : (it) => it === options[0];
    return options.some((it) => it.selected !== untouched(it));
  }
  if (field.type === 'checkbox' || field.type === 'radio') return field.checked !== field.defaultChecked;
  return field.value !== field.defaultValue;
}

function renew(here, next) {
  const focused = here.contains(document.activeElement) ? document.activeElement : undefined;
  const open = new Map(disclosures(here).map(([name, it]) => [name, it.open]));
  morph(here, next);
  for (const [name, it] of disclosures(here)) if (open.has(name)) it.open = open.get(name);
  if (!focused || focused.isConnected) return;
  // What had the focus is gone: whoever moves by keyboard goes on from its like, or from the page's beginning.
  const like = [...here.querySelectorAll(focused.localName)].find((it) => label(it) === label(focused));
  (like ?? main).focus({ preventScroll: true });
}

const label = (it) => it.id || it.getAttribute('aria-label') || it.textContent;

/** Each `details` with a name that it keeps when others come and go. */
function disclosures(part) {
  const seen = new Map();
  return [...part.querySelectorAll('details')].map((it) => {
    const name = it.id || `${it.closest('[data-key]')?.dataset.key} ${it.querySelector('summary')?.textContent}`;
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return [`${name} ${count}`, it];
  });
}

/** Makes `here` like `next`, and keeps each node that can stay. */
function morph(here, next) {
  const opens = here.localName === 'details';
  for (const { name, value } of next.attributes) {
    if (!(opens && name === 'open') && here.getAttribute(name) !== value) here.setAttribute(name, value);
  }
  for (const { name } of [...here.attributes]) {
    if (!(opens && name === 'open') && !next.hasAttribute(name)) here.removeAttribute(name);
  }
  let at = here.firstChild;
  for (const wanted of [...next.childNodes]) {
    const found = match(at, wanted, (it) => it.isEqualNode(wanted)) ?? match(at, wanted, (it) => alike(it, wanted));
    if (!found) {
      here.insertBefore(document.importNode(wanted, true), at);
      continue;
    }
    while (at !== found) at = drop(at);
    at = found.nextSibling;
    if (found.isEqualNode(wanted)) continue;
    if (found.nodeType === Node.ELEMENT_NODE) morph(found, wanted);
    else found.data = wanted.data;
  }
  while (at) at = drop(at);
}

/** The first sibling from `at` on that fits; of what is no element only `at` itself, since they are all alike. */
function match(at, wanted, fits) {
  if (wanted.nodeType !== Node.ELEMENT_NODE) return at && fits(at) ? at : undefined;
  while (at && !fits(at)) at = at.nextSibling;
  return at ?? undefined;
}

const alike = (one, other) => one.nodeName === other.nodeName && one.id === other.id
  && one.dataset?.key === other.dataset?.key;

function drop(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}

/** Politely, once what is being read out has ended. */
function say(words) {
  voice.textContent = '';
  setTimeout(() => (voice.textContent = words), 150);
}

function lost() {
  away ??= setTimeout(() => {
    hint.textContent = hint.dataset.liveHint;
    hint.hidden = false;
    say(hint.textContent);
  }, navigator.onLine ? PATIENCE : 0);
}

function found() {
  clearTimeout(away);
  away = undefined;
  if (hint.hidden) return;
  hint.hidden = true;
  voice.textContent = '';
}

if (main && hint && voice && parts(document).size) {
  for (const [name, part] of parts(document)) written.set(name, part.outerHTML);
  document.addEventListener('visibilitychange', () => (document.hidden ? hush() : refresh(true)));
  document.addEventListener('focusout', () => setTimeout(settle));
  document.addEventListener('reset', () => setTimeout(settle));
  addEventListener('online', () => refresh(true));
  addEventListener('offline', () => refresh(false));
  addEventListener('beforeunload', leave);
  addEventListener('pagehide', leave);
  addEventListener('pageshow', ({ persisted }) => persisted && stay());
  listen();
  if (!document.hidden) later(MINUTE);
}

// A client is told times in their own zone too, where it is another: the server knows it by a cookie.
const visit = document.querySelector('main[data-zone]');
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const zones = () => document.cookie.split('; ').filter((it) => it.startsWith('simone_zone='));
if (visit && zone && !zones().length) {
  document.cookie = `simone_zone=${zone}; Path=/; SameSite=Lax; Max-Age=86400`;
  if (zone !== visit.dataset.zone && zones().length) location.reload();
}
