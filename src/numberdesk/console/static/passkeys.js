// Adds passkeys and signs in by them, where the browser knows them. What it asks for comes from us, as does the answer's page.
"use strict";
(() => {
  if (!window.PublicKeyCredential || !navigator.credentials) return;

  const bytes = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (sign) => sign.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const described = (list) => (list || []).map((each) => ({ ...each, id: bytes(each.id) }));

  // What we ask for, with bytes in place of text.
  const prepared = (asked) => {
    const made = { ...asked, challenge: bytes(asked.challenge) };
    if (asked.user) made.user = { ...asked.user, id: bytes(asked.user.id) };
    if (asked.excludeCredentials) made.excludeCredentials = described(asked.excludeCredentials);
    if (asked.allowCredentials) made.allowCredentials = described(asked.allowCredentials);
    return made;
  };

  // What the browser answers, with text in place of bytes.
  const written = (credential) => {
    const said = { clientDataJSON: text(credential.response.clientDataJSON) };
    for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"])
      if (credential.response[name]) said[name] = text(credential.response[name]);
    return JSON.stringify({ id: credential.id, rawId: text(credential.rawId), type: credential.type, response: said });
  };

  const ask = async (form) => {
    const fields = new URLSearchParams(new FormData(form));
    const answer = await fetch(form.dataset.ask, { method: "POST", body: fields, redirect: "error" });
    const told = await answer.json();
    if (!answer.ok) throw new Error(told.error);
    return prepared(told);
  };

  const why = (error) => {
    if (error.name === "NotAllowedError") return "It was cancelled, or took too long. Try again.";
    if (error.name === "InvalidStateError") return "This device has a passkey of yours here already.";
    if (error.name === "Error") return error.message;
    return "That did not work. Open the page anew and try again.";
  };

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    const refused = form.querySelector("[data-refused]"), button = form.querySelector("button");
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      event.stopPropagation();
      [refused.hidden, button.disabled] = [true, true];
      try {
        const publicKey = await ask(form);
        form.elements.credential.value = written(await navigator.credentials[form.dataset.passkey]({ publicKey }));
        if (form.elements.current_password) form.elements.current_password.value = "";
        form.submit();
      } catch (error) {
        [refused.textContent, refused.hidden] = [why(error), false];
      } finally {
        button.disabled = false;
      }
    });
  }
  for (const part of document.querySelectorAll("[data-passkeys]")) part.hidden = false;
  for (const part of document.querySelectorAll("[data-no-passkeys]")) part.hidden = true;
})();
