// Keeps a note while it is typed, also through a broken connection. Everything else works without it.

const PAUSE = 1200; // milliseconds without typing after which it is sent
const LONGEST = 8000; // and after which it is sent while somebody types on
const AGAIN = [2000, 5000, 10000, 20000, 60000]; // waits between tries while nothing can be sent
const TIMEOUT = 20000;
const NOT_TEXT = new Set(["csrfmiddlewaretoken", "template", "point-add"]);
const WHICH = new Set(["seen", "writer"]); // say where the text belongs, and are no part of it
const PARTS = ["subjective", "objective", "assessment", "plan"];
const HERE = `note ${location.pathname}`;

// ---- what waits in this window of the browser while it is unsent ----------------------------------------------------------

const held = {
  get: () => JSON.parse(sessionStorage.getItem(HERE)),
  put: (fields) => sessionStorage.setItem(HERE, JSON.stringify(fields)),
  drop: () => sessionStorage.removeItem(HERE),
};

// ---- the treated points: list and chart -------------------------------------------------------------------------------------

class Points {
  constructor(section, changed) {
    this.list = section.querySelector(".points");
    this.blank = section.querySelector("template").content.firstElementChild;
    this.chart = section.querySelector(".body-chart");
    this.select = section.querySelector("select[name='point-add']");
    this.regions = JSON.parse(document.getElementById("note-places").textContent);
    this.words = section.dataset;
    this.changed = changed;
    section.classList.add("can-point");
    section.addEventListener("click", (event) => this.#clicked(event));
    this.list.addEventListener("change", () => this.draw());
  }

  /* The row of a region, made where there is none yet. */
  add(region) {
    const row = this.row(region) ?? this.#made(region);
    if (!row.isConnected) this.list.append(row);
    return row;
  }

  row(region) {
    return this.list.querySelector(`li[data-region="${region}"]`);
  }

  clear() {
    this.list.replaceChildren();
  }

  draw() {
    for (const part of this.chart.querySelectorAll(".bp")) part.classList.remove("cap-light", "cap-medium", "cap-firm", "cap-intense");
    for (const mark of this.chart.querySelectorAll(".mark")) mark.remove();
    const told = [...this.list.children].map((row, index) => {
      row.querySelector(".n").textContent = index + 1;
      this.#paint(row.dataset.region, Number(row.querySelector("select").value), index + 1);
      return `${index + 1} ${row.querySelector("[data-place]").textContent}`;
    });
    this.chart.setAttribute("aria-label", this.words.sayChart.replace("{spots}", told.join(", ") || this.words.sayNothing));
  }

  #clicked(event) {
    const remove = event.target.closest("button[value^='remove:']");
    const add = event.target.closest("button[value='add']");
    const part = event.target.closest(".bp");
    if (remove) this.#remove(remove.closest("li"));
    else if (add) this.#choose(this.select.value ? [this.select.value] : [], {});
    else if (part) this.#choose(part.dataset.region.split(" ").filter((code) => this.regions[code]), { preventScroll: true });
    else return;
    event.preventDefault();
    this.draw();
    this.changed();
  }

  // where several regions share a part of the drawing, the list asks which
  #choose(regions, focus) {
    if (regions.length === 1) {
      this.add(regions[0]).querySelector("select").focus(focus);
      this.select.value = "";
      return;
    }
    if (regions.length) this.select.value = regions[0];
    this.select.focus();
  }

  #remove(row) {
    const next = row.nextElementSibling ?? row.previousElementSibling;
    row.remove();
    (next?.querySelector("select") ?? this.select).focus();
  }

  #made(region) {
    const row = this.blank.cloneNode(true);
    const number = 1 + Math.max(-1, ...[...this.list.querySelectorAll("[name$='-region']")].map((field) => Number(field.name.split("-")[1])));
    for (const element of row.querySelectorAll("*")) {
      for (const name of ["name", "id", "for", "aria-describedby"]) {
        const value = element.getAttribute(name);
        if (value) element.setAttribute(name, value.replace("point-new", `point-${number}`));
      }
    }
    row.dataset.region = region;
    row.querySelector("[name$='-region']").value = region;
    row.querySelector("button").value = `remove:${region}`;
    for (const place of row.querySelectorAll("[data-place]")) place.textContent = this.regions[region][0];
    return row;
  }

  #paint(region, used, number) {
    const [, x, y] = this.regions[region] ?? [];
    if (x === undefined) return;
    const kind = used <= 3 ? "light" : used <= 5 ? "medium" : used <= 7 ? "firm" : "intense";
    for (const part of this.chart.querySelectorAll(`.bp[data-region~="${region}"]`)) part.classList.add(`cap-${kind}`);
    const svg = (name, attributes) => {
      const made = document.createElementNS("http://www.w3.org/2000/svg", name);
      for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
      return made;
    };
    const mark = svg("g", { class: "mark" });
    const text = svg("text", { x, y });
    text.textContent = number;
    mark.append(svg("circle", { cx: x, cy: y, r: 27 }), text);
    this.chart.append(mark);
  }
}

// ---- keeping ------------------------------------------------------------------------------------------------------------------

class Keeper {
  constructor(form) {
    this.form = form;
    this.state = form.querySelector("[data-note-state]");
    this.points = new Points(form.querySelector("[data-points]"), () => this.typed());
    this.tries = 0;
    this.restore();
    form.addEventListener("input", (event) => NOT_TEXT.has(event.target.name) || this.typed());
    form.addEventListener("submit", (event) => this.submitted(event));
    addEventListener("online", () => this.keep());
    addEventListener("pagehide", () => this.leave());
    addEventListener("beforeunload", (event) => this.isStuck && this.isUnsaved && event.preventDefault());
    document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && this.keep());
  }

  get fields() {
    return [...new FormData(this.form)].filter(([name]) => !NOT_TEXT.has(name));
  }

  get text() {
    return JSON.stringify(this.fields.filter(([name]) => !WHICH.has(name)));
  }

  get isUnsaved() {
    return this.text !== this.saved;
  }

  /* What waited here comes back, unless the page shows it already. Beside another window's text nothing is sent by itself. */
  restore() {
    const waiting = held.get();
    if ("unsaved" in this.form.dataset) {
      held.put(this.fields);
      this.isRefused = true;
      this.isStuck = true;
      return;
    }
    this.saved = this.text;
    if (waiting) {
      this.fill(waiting);
      if (this.isUnsaved) this.keep();
      else held.drop();
    }
  }

  fill(fields) {
    this.points.clear();
    const rows = fields.filter(([name]) => /^point-\d+-region$/.test(name)).map(([name, region]) => [name.replace("region", ""), region]);
    for (const [, region] of rows) this.points.add(region);
    for (const [name, value] of fields) {
      const point = rows.find(([start]) => name.startsWith(start));
      if (point) this.#fillPoint(point, name, value);
      else this.#fillField(name, value);
    }
    this.points.draw();
  }

  #fillPoint([start, region], name, value) {
    const field = this.points.row(region)?.querySelector(`[name$="-${name.slice(start.length)}"]`);
    if (field) field.value = value;
  }

  #fillField(name, value) {
    const field = this.form.elements[name];
    if (field) field.value = value;
  }

  typed() {
    if (this.isRefused) {
      held.put(this.fields);
      return;
    }
    if (!this.isStuck) this.say("unsaved");
    else held.put(this.fields);
    const now = performance.now();
    this.since ??= now;
    this.#later(Math.min(PAUSE, Math.max(0, this.since + LONGEST - now)));
  }

  #later(wait) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.keep(), wait);
  }

  /* Send what was typed since; one sending at a time. */
  async keep() {
    clearTimeout(this.timer);
    if (this.sending) return this.sending;
    if (this.isRefused || !this.isUnsaved) return undefined;
    this.sending = this.#send().finally(() => {
      this.sending = null;
    });
    return this.sending;
  }

  async #send() {
    const text = this.text;
    this.since = null;
    if (!this.isStuck) this.say("saving");
    let answer;
    try {
      answer = await fetch(location.pathname, { method: "POST", body: this.body(), signal: AbortSignal.timeout(TIMEOUT) });
    } catch {
      this.#stuck("offline");
      return;
    }
    const said = await answer.json().catch(() => ({}));
    if (answer.ok && "seen" in said) this.#arrived(text, said);
    else if (said.problem) this.#refused(said.problem);
    else if (answer.redirected || answer.status === 403 || answer.status === 404) this.#stuck("signedOut");
    else this.#stuck("offline");
  }

  body() {
    const body = new FormData(this.form);
    body.set("do", "keep");
    return body;
  }

  #arrived(text, { seen, at }) {
    this.form.elements.seen.value = seen;
    this.saved = text;
    this.tries = 0;
    const wasStuck = this.isStuck;
    this.isStuck = false;
    held.drop();
    this.say("saved", { time: at, aloud: wasStuck });
    if (this.isUnsaved) this.#later(PAUSE);
  }

  #stuck(why) {
    held.put(this.fields);
    this.say(why, { aloud: !this.isStuck });
    this.isStuck = true;
    this.#later(AGAIN[Math.min(this.tries, AGAIN.length - 1)]);
    this.tries += 1;
  }

  #refused(problem) {
    held.put(this.fields);
    this.isRefused = true;
    this.isStuck = true;
    this.say("refused", { problem, aloud: true });
  }

  /* A button that saves: first by itself, so that nothing is lost where the page after it does not come. */
  async submitted(event) {
    if (this.isRefused || (!this.sending && !this.isUnsaved)) {
      this.isStuck = false;
      return;
    }
    event.preventDefault();
    const button = event.submitter;
    await this.sending;
    await this.keep();
    if (this.isRefused || !this.isUnsaved) {
      this.isStuck = false;
      this.form.requestSubmit(button);
    }
  }

  leave() {
    if (!this.isUnsaved || this.isRefused || this.sending) {
      if (this.isUnsaved) held.put(this.fields);
      return;
    }
    held.put(this.fields);
    fetch(location.pathname, { method: "POST", body: this.body(), keepalive: true }).catch(() => {});
  }

  say(what, { time = "", problem = "", aloud = false } = {}) {
    const words = this.form.dataset[`say${what[0].toUpperCase()}${what.slice(1)}`].replace("{time}", time).replace("{problem}", problem);
    this.state.textContent = words;
    this.state.dataset.is = what;
    if (aloud) document.getElementById("said").textContent = words;
  }
}

// ---- the page -------------------------------------------------------------------------------------------------------------------

const form = document.querySelector("[data-note]");
const adding = document.querySelector("[data-addendum]");

if (form) new Keeper(form);

// what waited while the note locked becomes the addendum it can still be
if (adding && held.get()) {
  const area = adding.querySelector("textarea");
  const words = held.get().filter(([name, value]) => value && (PARTS.includes(name) || name.endsWith("-how")));
  if (!area.value) area.value = words.map(([, value]) => value).join("\n\n");
  adding.addEventListener("submit", held.drop);
}

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}
