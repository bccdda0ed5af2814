// Brings the proof of work that its page asks for (ALTCHA protocol, PBKDF2/SHA-256): this file is both the page's
// part and the worker's. Nothing is submitted by itself; without this script the button works after a pause.
(() => {
  "use strict";

  const bytes = (hex) => Uint8Array.from(hex.match(/../g) || [], (pair) => parseInt(pair, 16));
  const hex = (array) => Array.from(array, (byte) => byte.toString(16).padStart(2, "0")).join("");

  const solve = async ({ nonce, salt, cost, keyLength, keyPrefix }) => {
    const start = bytes(nonce);
    const prefix = bytes(keyPrefix);
    const password = new Uint8Array(start.length + 4);
    password.set(start);
    const view = new DataView(password.buffer);
    const terms = { name: "PBKDF2", hash: "SHA-256", salt: bytes(salt), iterations: cost };
    for (let counter = 0; ; counter++) {
      view.setUint32(start.length, counter);
      const key = await crypto.subtle.importKey("raw", password, "PBKDF2", false, ["deriveBits"]);
      const derived = new Uint8Array(await crypto.subtle.deriveBits(terms, key, 8 * keyLength));
      if (prefix.every((byte, place) => derived[place] === byte)) {
        return { counter, derivedKey: hex(derived) };
      }
    }
  };

  if (typeof document === "undefined") {
    self.onmessage = async (message) => self.postMessage(await solve(message.data));
    return;
  }

  const form = document.querySelector("form[data-challenge]");
  if (!form || !self.Worker || !self.crypto || !crypto.subtle) return;
  const challenge = JSON.parse(form.dataset.challenge);
  const button = form.querySelector("button");
  const label = button.textContent;
  const pause = document.getElementById("pause");
  const release = () => {
    button.disabled = false;
    button.textContent = label;
  };
  button.disabled = true;
  button.textContent = form.dataset.working;
  pause.hidden = true;
  const worker = new Worker("/static/proof.js");
  worker.onerror = () => {
    pause.hidden = false;
    release();
  };
  worker.onmessage = (message) => {
    form.elements.altcha.value = btoa(JSON.stringify({ challenge, solution: message.data }));
    release();
    worker.terminate();
  };
  worker.postMessage(challenge.parameters);
})();
