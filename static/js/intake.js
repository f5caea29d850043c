// Makes the form smoother; everything works without it.

// pointing at the body chart chooses that place in the list and adds it; where several share a part, the list asks which
document.addEventListener("click", (event) => {
  const part = event.target.closest("[data-body-map] .bp");
  if (!part) return;
  const map = part.closest("[data-body-map]");
  const list = map.querySelector(`select[name="${map.dataset.bodyMap}-add"]`);
  const places = part.dataset.region.split(" ").filter((code) => list?.querySelector(`option[value="${code}"]`));
  if (!places.length) {
    list?.focus();
    return;
  }
  list.value = places[0];
  if (places.length === 1) document.getElementById(`b-${map.dataset.bodyMap}-add`).click();
  else list.focus();
});

// Enter in the search field searches; it does not leave the page
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.target.type !== "search") return;
  event.preventDefault();
  event.target.closest("section").querySelector("[id$='-find']").click();
});

// One save after the other: what was sent earlier is never written over what was sent later. The form saves by itself once the save
// under way is through, with what it says then; and a button that leads on waits for that, but not for ever. Once it leads on nothing
// is saved beside it: of a form that is sent, or left too long alone, the answer to that would lead somewhere else.
const LONGEST = 10000; // milliseconds

function saveInTurn(form) {
  const underWay = new Set();
  let isChanged = false; // since a save took it up
  let pressed = null; // what waits to lead on
  let isLeaving = false;
  let timer;

  const leadOn = () => {
    clearTimeout(timer);
    underWay.clear();
    const { submitter } = pressed;
    pressed = null;
    form.requestSubmit(submitter);
  };
  form.addEventListener("change", () => {
    isChanged = true;
  });
  form.addEventListener("submit", (event) => {
    isLeaving = !underWay.size;
    if (isLeaving) return;
    event.preventDefault();
    pressed = event;
    clearTimeout(timer);
    timer = setTimeout(leadOn, LONGEST);
  });
  window.addEventListener("pageshow", () => {
    isLeaving = false;
  });
  document.addEventListener("htmx:config:request", (event) => {
    const { ctx } = event.detail;
    if (!form.contains(ctx.sourceElement)) return;
    if ((isLeaving || underWay.size) && "byItself" in ctx.sourceElement.dataset) {
      event.preventDefault();
      return;
    }
    isChanged = false;
    underWay.add(ctx);
  });
  document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => {
    if (!underWay.delete(ctx) || underWay.size || ctx.hx?.redirect) return;
    if (pressed) leadOn();
    else if (isChanged) form.dispatchEvent(new Event("change"));
  });
}

const filledIn = document.getElementById("part");
if (filledIn) saveInTurn(filledIn);
