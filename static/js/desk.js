// Every page of the desk: "/" leads to the search for a client. Whoever turned single keys off on the board is not surprised here.

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input, select, textarea") || localStorage.getItem("board.keys-off")) return;
  const box = document.querySelector("[role='search'] input[type='search']");
  if (!box) return;
  event.preventDefault();
  box.focus();
  box.select();
});
