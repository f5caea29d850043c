// Shows the message while it is being written; without this, the button does.

const ONLY_IN_MAILS = ["subject", "heading", "closing"];

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
  const fit = () => {
    for (const name of ONLY_IN_MAILS) {
      const field = form.elements[name];
      field.closest(".form-row").hidden = form.elements.channel.value === "sms" && !field.value;
    }
  };
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(show, 400);
  });
  form.addEventListener("change", fit);
  fit();
}

document.addEventListener("DOMContentLoaded", () => {
  const button = document.querySelector("button[data-preview]");
  if (button) follow(button.form, button);
});
