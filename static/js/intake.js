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
