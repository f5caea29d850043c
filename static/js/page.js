// Makes the pages smoother; everything works without it.

// pointing at the body chart ticks the chip of that area
for (const pick of document.querySelectorAll(".body-pick")) {
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
for (const hold of document.querySelectorAll("[data-hold-until]")) {
  const left = hold.querySelector(".left");
  const { one, many } = left.dataset;
  const tell = () => {
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

// the error summary gets the focus, so that it is read first
document.querySelector("[data-error-summary]")?.focus();
