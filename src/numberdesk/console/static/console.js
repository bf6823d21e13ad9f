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

  // A file is sent with how much of it has gone; one that is too large is not sent at all.
  const upload = (form) => {
    const refused = form.querySelector("[data-refused]"), sending = form.querySelector("[data-sending]");
    const file = form.querySelector("input[type=file]").files[0], most = Number(form.dataset.mostBytes);
    const refuse = (words) => {
      [refused.textContent, refused.hidden, sending.hidden] = [words, false, true];
      delete form.dataset.sent;
    };
    refused.hidden = true;
    if (file && file.size > most) {
      refuse(`The file has ${file.size.toLocaleString()} bytes, and at most ${most.toLocaleString()} are taken here. ` +
        "Split it, or import it at a terminal. Nothing was sent.");
      return;
    }
    form.dataset.sent = "yes";
    sending.hidden = false;
    const request = new XMLHttpRequest(), bar = sending.querySelector("progress");
    request.open("POST", form.action);
    request.upload.addEventListener("progress", (event) => {
      bar.value = event.total ? (100 * event.loaded) / event.total : 0;
      sending.querySelector("span").textContent = bar.value < 100 ? `${Math.floor(bar.value)} % sent` : "All sent";
    });
    request.addEventListener("error", () => refuse("The file did not arrive: the connection broke. Send it again."));
    request.addEventListener("load", () => {
      if (request.responseURL !== form.action) return location.assign(request.responseURL);
      const page = new DOMParser().parseFromString(request.responseText, "text/html");
      const said = page.querySelector("[role=alert]");
      refuse(said ? said.textContent.trim().replace(/\s+/g, " ") : "The file was not taken in.");
    });
    request.send(new FormData(form));
  };

  // A form is sent once, until the page is shown again.
  document.addEventListener("submit", (event) => {
    if ("upload" in event.target.dataset) {
      event.preventDefault();
      if (!event.target.dataset.sent) upload(event.target);
      return;
    }
    if (event.target.dataset.sent) event.preventDefault();
    else if (event.target.method === "post" && !("again" in event.target.dataset)) event.target.dataset.sent = "yes";
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
