// The therapist's calendar. The server sends and takes the practice's wall clock, and everything it says is already in words;
// the widget only draws it. Without this script the page shows the next sessions as a list.

const LOOK_AGAIN = 10000; // ms, while somebody looks
const LOOK_SELDOM = 60000; // ms, in a tab that nobody sees
const PHONE = matchMedia("(max-width: 47.99rem)");
const PANEL = matchMedia("(min-width: 76rem)");
const VIEWS = {
  day: { draws: "timeGridDay", days: 1, columns: "mine" },
  week: { draws: "timeGridWeek", days: 7, columns: "mine" },
  month: { draws: "dayGridMonth", days: 31, columns: "mine" },
  list: { draws: "listWeek", days: 7, columns: "mine" },
  team: { draws: "resourceTimeGridDay", days: 1, columns: "team" },
  rooms: { draws: "resourceTimeGridDay", days: 1, columns: "rooms" },
};

const workspace = document.querySelector("#workspace");
const root = document.querySelector("#cal");
const moved = document.querySelector("#moved");
const panel = document.querySelector("#panel");
const facts = JSON.parse(document.querySelector("#calendar-facts").textContent);
const language = document.documentElement.lang;
const words = root.dataset;

// ---- dates: plain "2027-03-09", counted in UTC, where no clock is ever set -----------------------------------------------

const DAY = 86400000;
const [, sign, offsetHours, offsetMinutes] = facts.offset.match(/([+-])(\d\d):(\d\d)/);
const offset = (sign === "-" ? -1 : 1) * (offsetHours * 60 + Number(offsetMinutes)) * 60000;
const dateOf = (ms) => new Date(ms).toISOString().slice(0, 10);
const msOf = (text) => Date.parse(text.length > 10 ? `${text}Z` : `${text}T00:00Z`);
const today = () => dateOf(Date.now() + offset);
const plus = (on, days) => dateOf(msOf(on) + days * DAY);
const monday = (on) => plus(on, -((new Date(msOf(on)).getUTCDay() + 6) % 7));
const firstOfMonth = (on) => `${on.slice(0, 7)}-01`;
const written = (on, how) => new Intl.DateTimeFormat(language, { timeZone: "UTC", ...how }).format(msOf(on));
const clock = (wall) => wall.slice(11).replace(/^0/, "");
const later = (wall, minutes) => new Date(msOf(wall) + minutes * 60000).toISOString().slice(0, 16);
// the widget gives the practice's wall clock as if it were the browser's
const wallOf = (shown) => new Date(shown.getTime() - shown.getTimezoneOffset() * 60000).toISOString().slice(0, 16);

// ---- what is shown ----------------------------------------------------------------------------------------------------

const asked = new URLSearchParams(location.search);
const isView = (name) => name in VIEWS && workspace.querySelector(`[data-view="${name}"]`);
const state = {
  view: isView(asked.get("view")) ? asked.get("view") : PHONE.matches ? "day" : "week",
  on: /^\d{4}-\d\d-\d\d$/.test(asked.get("on") ?? "") ? asked.get("on") : today(),
  found: { sessions: [], hours: {}, off: [] },
  etag: "",
  seenAt: "",
  isDragging: false,
  looks: 0,
  openings: 0,
};

function range() {
  if (state.view === "month") {
    const first = monday(firstOfMonth(state.on));
    return [first, plus(first, 42)];
  }
  const first = VIEWS[state.view].days === 7 ? monday(state.on) : state.on;
  return [first, plus(first, VIEWS[state.view].days)];
}

function title() {
  const [first, until] = range();
  if (state.view === "month") return written(state.on, { month: "long", year: "numeric" });
  if (VIEWS[state.view].days === 1) return written(first, { weekday: "long", day: "numeric", month: "long" });
  const days = new Intl.DateTimeFormat(language, { timeZone: "UTC", day: "numeric", month: "long" });
  return days.formatRange(msOf(first), msOf(plus(until, -1)));
}

function step(by) {
  if (state.view !== "month") return plus(state.on, by * VIEWS[state.view].days);
  const month = new Date(msOf(firstOfMonth(state.on)));
  month.setUTCMonth(month.getUTCMonth() + by);
  return dateOf(month.getTime());
}

// ---- from what the server sends to what the widget draws -----------------------------------------------------------------

const columnsOf = () => (VIEWS[state.view].columns === "rooms" ? facts.rooms : facts.team);
const column = (session) => (VIEWS[state.view].columns === "rooms" ? session.room : session.therapist);
const block = (status) => document.querySelector(`.legend [data-state="${status}"]`);
const background = (start, end, kind, ids) => ({
  start,
  end,
  resourceIds: ids,
  display: "background",
  classNames: [kind],
  title: "",
});

function sessionEvent(session) {
  const minutes = (msOf(session.end) - msOf(session.start)) / 60000;
  const size = minutes < 30 ? ["is-short"] : minutes < 40 ? ["is-low"] : [];
  return {
    id: session.id,
    start: session.start,
    end: session.end,
    resourceIds: [column(session)],
    title: session.name,
    startEditable: Boolean(session.moves),
    durationEditable: Boolean(session.moves) && state.view !== "month", // its days are too coarse for a length
    classNames: ["blk", block(session.state).classList[1], ...size, ...(session.own ? [] : ["is-theirs"])],
    extendedProps: session,
  };
}

function around(session) {
  const ids = [column(session)];
  const made = [];
  if (session.before) made.push(background(later(session.start, -session.before), session.start, "turn", ids));
  if (session.after) made.push(background(session.end, later(session.end, session.after), "turn", ids));
  return made;
}

function offEvent(off) {
  const ids = off.therapist ? [off.therapist] : columnsOf().map((each) => each.id);
  const whole = state.view === "month";
  const end = whole && off.end.slice(11) !== "00:00" ? plus(off.end.slice(0, 10), 1) : off.end;
  return { ...background(off.start, end, "off", ids), allDay: whole, title: off.title };
}

function eventsShown() {
  const { sessions, hours, off } = state.found;
  const shown = sessions.map(sessionEvent);
  if (state.view === "list") return shown;
  const away = off.map(offEvent);
  if (state.view === "month") return [...away, ...shown];
  const open = Object.entries(hours).flatMap(([id, spans]) => spans.map(([start, end]) => background(start, end, "open", [id])));
  return [...open, ...away, ...sessions.filter((each) => each.state !== "no_show").flatMap(around), ...shown];
}

// the days of the weekend are there when something is
function idleDays() {
  if (state.view !== "week") return [];
  const { sessions, hours } = state.found;
  const starts = [...sessions.map((each) => each.start), ...Object.values(hours).flat().map(([start]) => start)];
  const busy = new Set(starts.map((start) => new Date(msOf(start)).getUTCDay()));
  return [6, 0].filter((day) => !busy.has(day));
}

// from an hour before anybody begins, so that the time before a session shows, to the full hour after the last ends;
// the practice's own where nobody works
function openHours() {
  const spans = Object.values(state.found.hours).flat();
  if (!spans.length) return [facts.opens, facts.closes];
  const hour = (wall) => Number(wall.slice(11, 13));
  const first = Math.max(0, Math.min(...spans.map(([start]) => hour(start))) - 1);
  const last = Math.max(...spans.map(([start, end]) => (end.slice(0, 10) > start.slice(0, 10) ? 24 : hour(end) + 1)));
  return [`${first}:00`, `${last}:00`];
}

function line(className, text) {
  const made = document.createElement("span");
  made.className = className;
  made.textContent = text;
  return made;
}

// in narrow columns "A. Okafor"; the whole name is always there to be heard
function heading(time, name) {
  if (!["week", "month"].includes(state.view)) return line("", `${time} ${name}`);
  const parts = name.split(" ");
  const brief = [...parts.slice(0, -1).map((part) => `${part[0]}.`), parts.at(-1)].join(" ");
  const made = line("", `${time} `);
  const seen = line("", brief);
  seen.ariaHidden = "true";
  made.append(seen, line("visually-hidden", name));
  return made;
}

function content({ event }) {
  if (event.display === "background") return event.title ? { domNodes: [line("why", event.title)] } : { domNodes: [] };
  const session = event.extendedProps;
  const head = document.createElement("b");
  const start = clock(wallOf(event.start));
  const end = clock(wallOf(event.end));
  if (!session.state) return { domNodes: [line("", `${start}–${end}`)] }; // a stretch that is being marked
  head.append(heading(state.view === "list" ? `${start}–${end}` : start, session.name));
  const light = document.querySelector(`.legend [data-light="${session.light}"]`);
  const says = [block(session.state).textContent];
  if (light) {
    head.append(light.querySelector("span").cloneNode(true));
    says.push(light.textContent.trim());
  }
  const until = words.until.replace("{time}", end);
  const rest = [line("visually-hidden", `, ${until}, `), line("l", session.line), line("w", says.join(" · "))];
  return { domNodes: [head, ...rest] };
}

function mounted({ el, event }) {
  if (event.display === "background") return;
  const session = event.extendedProps;
  if (!session.state) return;
  el.dataset.id = session.id;
  el.title = [`${clock(session.start)}–${clock(session.end)} ${session.name}`, session.line].filter(Boolean).join("\n");
}

// ---- the widget ---------------------------------------------------------------------------------------------------------

const calendar = EventCalendar.create(root, {
  view: VIEWS[state.view].draws,
  date: state.on,
  headerToolbar: { start: "", center: "", end: "" },
  locale: language,
  // only for its today and its line of now; an offset of nothing it takes for the browser's own, so that one gets a minute
  timeZone: offset ? facts.offset : "+00:01",
  firstDay: 1,
  allDaySlot: false,
  nowIndicator: true,
  slotDuration: "01:00",
  slotHeight: 104,
  snapDuration: "00:05",
  slotMinTime: facts.opens,
  slotMaxTime: facts.closes,
  flexibleSlotTimeLimits: true,
  slotEventOverlap: false,
  slotLabelFormat: (time) => clock(wallOf(time)),
  dayHeaderFormat: dayHeading,
  dayMaxEvents: true,
  moreLinkContent: ({ num }) => words.more.replace("{n}", num),
  noEventsContent: words.free,
  eventSources: [{ events: () => Promise.resolve(eventsShown()) }],
  lazyFetching: false,
  eventContent: content,
  eventDidMount: mounted,
  eventClick: opened,
  eventDragStart: () => (state.isDragging = true),
  eventDragStop: () => (state.isDragging = false),
  eventResizeStart: () => (state.isDragging = true),
  eventResizeStop: () => (state.isDragging = false),
  eventDrop: placed,
  eventResize: placed,
  eventLongPressDelay: 500,
  selectable: true,
  selectMinDistance: 8,
  selectLongPressDelay: 500,
  select: marked,
});

// a stretch of one's own free time was marked: the form for time away asks the rest, and shows what it would break
function marked({ start, end, resource }) {
  const isOwn = VIEWS[state.view].columns === "mine" || resource?.id === facts.therapist;
  if (isOwn && state.view !== "month") location.assign(`${words.block}?from=${wallOf(start)}&to=${wallOf(end)}`);
  else calendar.unselect();
}

// the widget marks itself up as a table that it is not: a named region and a list of what is in it are enough
function tidy() {
  const table = root.querySelector(".ec");
  if (!table) return;
  const list = table.getAttribute("role") === "list" || root.querySelector(".ec-list");
  table.setAttribute("role", "region");
  table.setAttribute("aria-label", words.label);
  const main = root.querySelector(".ec-main");
  if (main && list) main.setAttribute("role", "list");
  for (const part of root.querySelectorAll('[role="row"], [role="rowgroup"], [role="cell"], [role="rowheader"], [role="columnheader"]')) {
    part.removeAttribute("role");
  }
  for (const name of ["rowcount", "colcount", "rowindex", "colindex", "rowspan", "colspan"]) {
    for (const part of root.querySelectorAll(`[aria-${name}]`)) part.removeAttribute(`aria-${name}`);
  }
}

const drawn = () => {
  tidy();
  mark();
};
new MutationObserver(drawn).observe(root, { subtree: true, childList: true });

// ---- looking at the server ----------------------------------------------------------------------------------------------

// of several looks under way only the last counts: what an earlier one hears late was over when that one was asked
async function look({ always = false } = {}) {
  const [from, to] = range();
  const view = VIEWS[state.view].columns;
  const etag = always ? "" : state.etag;
  const number = ++state.looks;
  let answer;
  try {
    answer = await fetch(`${workspace.dataset.events}?${new URLSearchParams({ from, to, view })}`, {
      cache: "no-store",
      headers: etag ? { "If-None-Match": etag } : {},
    });
  } catch {
    return number === state.looks && say(words.lost.replace("{time}", state.seenAt));
  }
  if (answer.redirected) return location.reload();
  if (state.seenAt !== "" && !always) say("");
  state.seenAt = clock(new Date(Date.now() + offset).toISOString().slice(0, 16));
  if (answer.status !== 200) return;
  const found = await answer.json().catch(() => null);
  if (!found || number !== state.looks || state.isDragging) return;
  state.found = found;
  state.etag = answer.headers.get("ETag") ?? "";
  draw();
}

function draw() {
  const [opens, closes] = openHours();
  calendar.setOption("slotMinTime", opens);
  calendar.setOption("slotMaxTime", closes);
  calendar.setOption("hiddenDays", idleDays());
  calendar.setOption("dayHeaderFormat", (shown) => dayHeading(shown)); // counts anew
  calendar.refetchEvents();
}

function dayHeading(shown) {
  const on = wallOf(shown).slice(0, 10);
  if (state.view === "month") return written(on, { weekday: "short" });
  const name = line("day-name", written(on, { weekday: "short", day: "numeric", month: PHONE.matches ? "short" : "long" }));
  const own = state.found.sessions.filter((each) => each.own && each.start.startsWith(on)).length;
  const says = own === 1 ? words.one : own ? words.many.replace("{n}", own) : words.free;
  return { domNodes: [name, line("day-says", on === today() ? `${words.today}, ${says}` : says)] };
}

// the session in the panel is marked, also after the widget drew it anew
function mark() {
  for (const each of root.querySelectorAll(".ec-event")) {
    if (!panel.hidden && each.dataset.id === panel.dataset.id) each.setAttribute("aria-current", "true");
    else each.removeAttribute("aria-current");
  }
}

function show() {
  const { draws, columns } = VIEWS[state.view];
  document.querySelector("#calendar-title").textContent = title();
  for (const each of workspace.querySelectorAll("[data-view]")) {
    each.setAttribute("aria-pressed", String(each.dataset.view === state.view));
  }
  root.dataset.drawn = state.view;
  state.found = { sessions: [], hours: {}, off: [] };
  state.etag = "";
  calendar.setOption("columnWidth", ["week", "team", "rooms"].includes(state.view) ? "minmax(7.5rem, 1fr)" : undefined);
  calendar.setOption("resources", columns === "mine" ? [] : columnsOf());
  calendar.setOption("view", draws);
  calendar.setOption("date", state.view === "month" ? firstOfMonth(state.on) : state.on);
  const query = new URLSearchParams({ view: state.view, on: state.on });
  history.replaceState(null, "", `?${query}`);
  return look({ always: true });
}

let timer;
function watch() {
  clearTimeout(timer);
  timer = setTimeout(
    async () => {
      await look();
      watch();
    },
    document.hidden ? LOOK_SELDOM : LOOK_AGAIN,
  );
}

document.addEventListener("visibilitychange", async () => {
  if (!document.hidden) await look();
  watch();
});

// ---- opening and moving --------------------------------------------------------------------------------------------------

const addressOf = (id, act = "") => `${workspace.dataset.sessions}${id}/${act}`;

function say(text) {
  document.querySelector("#calendar-said").textContent = text;
}

async function opened({ event }) {
  const session = event.extendedProps;
  if (!session.own) return say(`${clock(session.start)}–${clock(session.end)}: ${session.name}`);
  if (!PANEL.matches) return location.assign(addressOf(session.id));
  const number = ++state.openings;
  const answer = await ask(addressOf(session.id));
  if (!answer?.ok) return;
  const part = await answer.text();
  if (number !== state.openings) return; // another one was opened meanwhile
  const before = document.querySelector("#session");
  const place = before.cloneNode();
  before.replaceWith(place); // what was asked of the one before is not answered here
  fill(place, part);
  panel.hidden = false;
  panel.dataset.id = session.id;
  mark();
  panel.querySelector("[data-focus]").focus();
}

function close() {
  const was = root.querySelector(".ec-event[aria-current]");
  panel.hidden = true;
  mark();
  was?.focus();
}

async function placed(info) {
  const { event, newResource } = info;
  const session = event.extendedProps;
  const [day, at] = wallOf(event.start).split("T");
  const form = new FormData();
  const toRoom = newResource && VIEWS[state.view].columns === "rooms";
  form.set("day", day);
  form.set("at", at);
  form.set("minutes", String((event.end - event.start) / 60000));
  form.set("therapist", newResource && !toRoom ? newResource.id : session.therapist);
  form.set("room", toRoom ? newResource.id : "");
  form.set("tell", "on");
  form.set("version", String(session.version));
  form.set("key", newKey());
  if (!(await send(addressOf(session.id, "move/"), form))) info.revert();
  await look({ always: true });
}

// a random UUID; crypto.randomUUID is missing on plain http
function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

// whether the server did it; what it says stands above the calendar
async function send(address, form) {
  form.set("csrfmiddlewaretoken", workspace.querySelector("[name=csrfmiddlewaretoken]").value);
  const answer = await ask(address, { method: "POST", body: form });
  if (!answer) return false;
  fill(moved, await answer.text());
  return answer.ok;
}

// a part of a page, a refusal in words included; for anything else it is said why there is none
async function ask(address, how = {}) {
  let answer;
  try {
    answer = await fetch(address, { ...how, headers: { "HX-Request": "true" } });
  } catch {
    say(words.failed);
    return null;
  }
  if (answer.headers.has("HX-Redirect")) location.reload(); // to sign in again
  else if (answer.ok || answer.status === 409 || answer.status === 422) return answer;
  else {
    say(words.gone);
    look({ always: true });
  }
  return null;
}

function fill(part, html) {
  part.innerHTML = html;
  htmx.process(part);
}

panel.addEventListener("submit", async (event) => {
  const form = event.target.closest("[data-move]");
  if (!form) return;
  event.preventDefault();
  const isDone = await send(form.action, new FormData(form));
  if (isDone) close();
  else moved.scrollIntoView({ block: "nearest" });
  await look({ always: true });
});

panel.addEventListener("click", (event) => event.target.closest("[data-close]") && close());
panel.addEventListener("keydown", (event) => event.key === "Escape" && close());
document.addEventListener("calendar:changed", () => look({ always: true }));

workspace.addEventListener("click", (event) => {
  const { go, view } = event.target.closest("[data-go], [data-view]")?.dataset ?? {};
  if (view) state.view = view;
  else if (go === "today") state.on = today();
  else if (go) state.on = step(go === "next" ? 1 : -1);
  else return;
  show();
});

document.querySelector("#next-sessions").hidden = true;
workspace.hidden = false;
await show();
watch();
