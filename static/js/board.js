// The day board at the desk: it looks again by itself, changes without loading the page anew, and listens to single keys.
// Without it every link and button still works. Keys are on the buttons and links themselves (data-key).

const EVERY = 15_000;
const HIDDEN_EVERY = 120_000;
const ALWAYS = new Set(["p", "n", "t", "v", "w", "?", "Escape"]);
const KEYS_OFF = "board.keys-off";

document.querySelector("[data-print]")?.removeAttribute("hidden");
document.querySelector("[data-print]")?.addEventListener("click", () => print());
if (document.getElementById("board")) start();

function start() {
  const heard = document.getElementById("board-heard");
  let busy = false;
  let timer = 0;

  const board = () => document.getElementById("board");
  const within = (element) => element?.closest("[data-session]")?.dataset.session;

  // ---- looking again and swapping ------------------------------------------------------------------------------------------

  async function ask(url, options = {}) {
    const response = await fetch(url, { ...options, headers: { "X-Board": "1", ...options.headers }, cache: "no-store" });
    if (response.redirected && !new URL(response.url).pathname.startsWith(location.pathname)) {
      location.reload(); // to sign in again
      return null;
    }
    if (response.status === 304) return null;
    if (!response.ok || !response.headers.get("Content-Type")?.startsWith("text/html")) throw new Error(response.statusText);
    return new DOMParser().parseFromString(await response.text(), "text/html").getElementById("board");
  }

  function swap(fresh, session) {
    const old = board();
    const left = old.querySelector(".scroll-x")?.scrollLeft ?? 0;
    const focused = old.contains(document.activeElement) ? document.activeElement : null;
    const keep = { id: focused?.id, session: session ?? within(focused), at: focused?.dataset.key };
    const opened = old.querySelector(".keys")?.open;
    old.replaceWith(fresh);
    const region = fresh.querySelector(".scroll-x");
    if (region) region.scrollLeft = left;
    show(fresh, opened);
    refocus(fresh, keep);
    const said = [...fresh.querySelectorAll(".said:is(.success, .error, .warning, .info)")].map((each) => each.textContent.trim());
    if (said.length) heard.textContent = said.join(" ");
  }

  function refocus(fresh, keep) {
    if (!keep.id && !keep.session) return;
    const own = keep.session && fresh.querySelector(`[data-session="${keep.session}"]`);
    const target = (keep.id && document.getElementById(keep.id)) || own?.querySelector("[data-open]") || own?.querySelector("a, button");
    target?.focus({ preventScroll: true });
  }

  function lost(words) {
    let line = board().querySelector(".said.lost");
    if (!line) {
      line = document.createElement("p");
      line.className = "said lost";
      board().prepend(line);
    }
    const time = new Date().toLocaleTimeString([], { hour: "numeric", minute: "2-digit" });
    if (words !== "lost") heard.textContent = board().dataset[words];
    if (words !== "lost" || !line.textContent) line.textContent = board().dataset[words].replace("{time}", time);
  }

  async function look() {
    if (!busy && !board().contains(document.activeElement?.closest("input, select") ?? null)) {
      const was = board();
      try {
        const fresh = await ask(location.pathname + was.dataset.url, { headers: { "If-None-Match": was.dataset.etag } });
        if (fresh && !busy && was === board()) swap(fresh);
        if (!fresh) was.querySelector(".said.lost")?.remove();
      } catch {
        lost("lost");
      }
    }
    again();
  }

  function again() {
    clearTimeout(timer);
    timer = setTimeout(look, document.hidden ? HIDDEN_EVERY : EVERY);
  }

  async function go(url, { push, options, session } = {}) {
    if (busy) return;
    busy = true;
    board().setAttribute("aria-busy", "true");
    try {
      const fresh = await ask(url, options);
      swap(fresh, session);
      if (push) history.pushState({}, "", location.pathname + fresh.dataset.url);
      return fresh;
    } catch {
      if (push) location.assign(url);
      else lost("failed");
    } finally {
      busy = false;
      board().removeAttribute("aria-busy");
      again();
    }
  }

  // ---- clicks --------------------------------------------------------------------------------------------------------------

  document.addEventListener("click", async (event) => {
    const link = event.target.closest("#board a[data-board]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
    event.preventDefault();
    const closes = link.closest("#session") && link.dataset.key === "Escape";
    const session = within(link);
    const fresh = await go(link.href, { push: true, session });
    if (!closes && session) fresh?.querySelector("#session-title")?.focus();
  });

  document.addEventListener("submit", (event) => {
    if (event.target.id !== "board-step" || !event.submitter) return;
    event.preventDefault();
    const pressed = event.submitter;
    const url = pressed.hasAttribute("formaction") ? pressed.formAction : event.target.action;
    const body = new URLSearchParams(new FormData(event.target, pressed));
    go(url, { options: { method: "POST", body }, session: within(pressed) });
  });

  addEventListener("popstate", () => go(location.href));
  document.addEventListener("visibilitychange", () => (document.hidden ? again() : look()));

  // ---- keys ----------------------------------------------------------------------------------------------------------------

  function show(root, opened) {
    const keys = root.querySelector(".keys");
    if (!keys) return;
    keys.hidden = false;
    keys.open = Boolean(opened);
    const box = root.querySelector("#board-keys");
    box.checked = !localStorage.getItem(KEYS_OFF);
    box.addEventListener("change", () => (box.checked ? localStorage.removeItem(KEYS_OFF) : localStorage.setItem(KEYS_OFF, "1")));
  }

  function step(by) {
    const all = [...board().querySelectorAll("[data-session] [data-open]")];
    const here = all.findIndex((each) => each.closest("[data-session]").contains(document.activeElement));
    const next = all[here < 0 ? (by > 0 ? 0 : all.length - 1) : here + by];
    next?.focus();
    next?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (localStorage.getItem(KEYS_OFF) && key.length === 1) return;
    if (key === "j" || key === "k") {
      event.preventDefault();
      step(key === "j" ? 1 : -1);
      return;
    }
    const own = document.activeElement?.closest("[data-session]");
    const place = ALWAYS.has(key) ? board() : own;
      const target = place?.querySelector(`[data-key="${CSS.escape(key)}"]`) ?? (key === "o" ? own?.querySelector("a[data-board]") : null);
    if (!target) return;
    event.preventDefault();
    target.click();
  });

  show(document, false);
  again();
}
