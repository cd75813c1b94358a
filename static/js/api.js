// The API's description: fills in key and app, sends a form and shows the answer under it. Without this file a form
// opens its answer in a window of its own.
"use strict";

const key = document.getElementById("try-key");
const app = document.getElementById("try-app");
const LONGEST_SHOWN = 100_000;

function fill() {
  for (const input of document.querySelectorAll("[data-key]")) input.value = key.value;
  for (const input of document.querySelectorAll("[data-app]")) input.value = app.value;
}
key.addEventListener("input", fill);
app.addEventListener("change", fill);
fill();

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("[data-try]");
  if (!form) return;
  event.preventDefault();
  const fields = new URLSearchParams([...new FormData(form)].filter(([, value]) => value !== ""));
  const part = form.querySelector("[data-in-path]");
  const address = part ? form.action.replace(/%3Cin_path%3E$/i, encodeURIComponent(part.value)) : form.action;
  const answer = form.parentElement.querySelector("[data-answer]");
  const shown = answer.querySelector("pre");
  answer.hidden = false;
  shown.textContent = "…";
  try {
    const began = performance.now();
    const response = await fetch(address, { method: "POST", body: fields, credentials: "omit" });
    const kind = response.headers.get("content-type") || "";
    const text = kind.includes("json") || kind.startsWith("text/") ? await response.text() : `(${kind}, to be saved by a program)`;
    answer.querySelector("[data-status]").textContent = `Status ${response.status}, ${Math.round(performance.now() - began)} ms`;
    shown.textContent = pretty(text).slice(0, LONGEST_SHOWN);
  } catch (error) {
    shown.textContent = `No answer: ${error.message}`;
  }
});

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
