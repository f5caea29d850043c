// Makes the pages smoother; everything works without it.

// pointing at the body chart ticks the chip of that area
function point(pick) {
  pick.addEventListener("click", (event) => {
    const area = event.target.closest("[data-area]")?.dataset.area;
    const chip = area && pick.querySelector(`input[value="${area}"]`);
    if (!chip) return;
    chip.checked = !chip.checked;
    chip.dispatchEvent(new Event("change", { bubbles: true }));
  });
  pick.classList.add("can-point");
}

// the minutes left on a hold; said once a minute, never ticking
function tellMinutesLeft(hold) {
  const left = hold.querySelector(".left");
  const { one, many } = left.dataset;
  const tell = () => {
    if (!hold.isConnected) return;
    const minutes = Math.ceil((Number(hold.dataset.holdUntil) * 1000 - Date.now()) / 60000);
    if (minutes <= 0) {
      left.textContent = hold.dataset.holdOver;
      hold.classList.add("soon");
      return;
    }
    left.textContent = minutes === 1 ? one : many.replace("{n}", minutes);
    hold.classList.toggle("soon", minutes <= 2);
    setTimeout(tell, 20000);
  };
  tell();
}

// copies what stands in a field; where a browser does not let a page copy, the field can be selected
function offerCopy(button) {
  if (!navigator.clipboard) return;
  const field = document.getElementById(button.dataset.copies);
  button.hidden = false;
  button.addEventListener("click", async () => {
    field.select();
    await navigator.clipboard.writeText(field.value);
    button.textContent = button.dataset.copied;
    document.getElementById("said").textContent = button.dataset.copied;
  });
}

// a page, or the part of one that htmx has just put in
function liven(part) {
  part.querySelectorAll(".body-pick:not(.can-point)").forEach(point);
  part.querySelectorAll("[data-hold-until]").forEach(tellMinutesLeft);
  part.querySelectorAll("[data-copies]").forEach(offerCopy);
  // the error summary gets the focus, so that it is read first
  part.querySelector("[data-error-summary]")?.focus();
}

liven(document);
document.addEventListener("htmx:after:settle", ({ target }) => {
  liven(target);
  // htmx gives the focus back to what had it; where that is gone, to where the new part begins
  if (document.activeElement === document.body) target.querySelector("[data-focus]")?.focus();
});
