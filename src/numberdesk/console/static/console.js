// Makes the pages more comfortable; each works without it.
"use strict";
(() => {
  const form = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

  // Times in the reader's zone; UTC stays in the title.
  const localise = (root) => {
    for (const time of root.querySelectorAll("time[datetime]")) {
      const moment = new Date(time.dateTime);
      if (!Number.isNaN(moment.valueOf())) time.textContent = form.format(moment);
    }
  };

  // A form is sent once, until the page is shown again.
  document.addEventListener("submit", (event) => {
    if (event.target.dataset.sent) event.preventDefault();
    else if (event.target.method === "post") event.target.dataset.sent = "yes";
  });
  window.addEventListener("pageshow", () => {
    for (const sent of document.querySelectorAll("form[data-sent]")) delete sent.dataset.sent;
  });

  for (const button of document.querySelectorAll("[data-tick-all]")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const boxes = [...document.querySelectorAll(`input[type=checkbox][form=${button.dataset.tickAll}]`)];
      const ticked = boxes.some((box) => !box.checked);
      for (const box of boxes) box.checked = ticked;
    });
  }

  document.addEventListener("htmx:afterSettle", (event) => localise(event.target.parentElement || document));
  localise(document);
})();
