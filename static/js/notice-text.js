// Shows the message while it is being written; without this, the button does.

function follow(form, button) {
  let waiting;
  const show = () => {
    // a frame of its own for each, or the back button would lead through all of them
    const old = form.querySelector("iframe");
    const next = old.cloneNode();
    next.removeAttribute("src");
    old.replaceWith(next);
    form.requestSubmit(button);
  };
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(show, 400);
  });
}

document.addEventListener("DOMContentLoaded", () => {
  const button = document.querySelector("button[data-preview]");
  if (button) follow(button.form, button);
});
