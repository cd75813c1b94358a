// The one script of the pages: theme, keys, copy buttons, and what a fragment that arrived should say aloud.
// Everything here improves a page that already works as plain links and forms.
"use strict";

(() => {
  const root = document.documentElement;
  root.classList.add("has-script");

  const say = (words) => {
    const region = document.getElementById("live");
    if (region) {
      region.textContent = "";
      setTimeout(() => { region.textContent = words; }, 30);
    }
  };

  // Theme: the form works by itself (a cookie, then the same page again); with the script the page just turns.
  const themes = ["system", "light", "dark"];
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("form[data-theme-form]");
    if (!form) return;
    event.preventDefault();
    const next = themes[(themes.indexOf(root.dataset.theme || "system") + 1) % themes.length];
    if (next === "system") delete root.dataset.theme; else root.dataset.theme = next;
    const secure = location.protocol === "https:" ? "; Secure" : "";
    document.cookie = `theme=${next}; Path=/; Max-Age=31536000; SameSite=Lax${secure}`;
    say(`Theme: ${next}`);
    document.dispatchEvent(new CustomEvent("theme-changed"));
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    document.dispatchEvent(new CustomEvent("theme-changed"));
  });

  document.addEventListener("click", async (event) => {
    const copy = event.target.closest("[data-copy]");
    if (copy) {
      event.preventDefault();
      const source = copy.dataset.copy || document.getElementById(copy.getAttribute("aria-controls"))?.textContent || "";
      try {
        await navigator.clipboard.writeText(source.trim());
      } catch {
        say("Copying is not allowed here");
        return;
      }
      copy.classList.add("is-done");
      say("Copied");
      setTimeout(() => copy.classList.remove("is-done"), 1600);
      return;
    }
    if (event.target.closest("[data-open-keys]")) openKeys();
    // A click beside an open menu closes it.
    for (const menu of document.querySelectorAll("details[data-menu][open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
  });

  const openKeys = () => {
    const dialog = document.getElementById("keys");
    if (dialog && !dialog.open) dialog.showModal();
  };

  // Keys. None of them works while somebody types.
  const isTyping = (target) => target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
  const step = (by) => {
    const links = [...document.querySelectorAll("a.row-link")];
    if (!links.length) return;
    const row = document.activeElement?.closest("tr, [data-row]");
    const at = links.findIndex((link) => row ? row.contains(link) : link === document.activeElement);
    const next = links[Math.min(links.length - 1, Math.max(0, at + by))];
    next.focus({ preventScroll: true });
    next.closest("tr, [data-row]")?.scrollIntoView({ block: "nearest" });
  };
  const actions = {
    "/": () => {
      const box = document.querySelector("input[data-search]");
      box?.focus();
      box?.select();
      return Boolean(box);
    },
    j: () => step(1),
    k: () => step(-1),
    "[": () => document.querySelector("a[rel=prev]")?.click(),
    "]": () => document.querySelector("a[rel=next]")?.click(),
    "?": openKeys,
  };
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      if (event.target.matches?.("input[data-search]")) event.target.blur();
      for (const menu of document.querySelectorAll("details[data-menu][open]")) {
        menu.open = false;
        menu.querySelector("summary")?.focus();
      }
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
    const action = actions[event.key];
    if (action && action() !== false) event.preventDefault();
  });

  // Fragments.
  let pending = 0;
  const busy = (by) => {
    pending = Math.max(0, pending + by);
    root.classList.toggle("htmx-busy", pending > 0);
  };
  const isQuiet = (event) => Boolean(event.detail.elt?.closest("[data-quiet]"));
  document.addEventListener("htmx:beforeRequest", (event) => { if (!isQuiet(event)) busy(1); });
  document.addEventListener("htmx:afterRequest", (event) => { if (!isQuiet(event)) busy(-1); });
  document.addEventListener("htmx:afterSettle", (event) => {
    const words = event.detail.elt.querySelector?.("[data-announce]") || (event.detail.elt.matches?.("[data-announce]") ? event.detail.elt : null);
    if (words) say(words.dataset.announce);
  });
  const failed = (event) => {
    if (isQuiet(event)) return;
    const status = event.detail.xhr?.status;
    if (status === 401 || status === 403) { location.reload(); return; }
    const box = event.detail.target?.closest("[data-box]");
    const message = box?.querySelector("[data-box-error]") || document.getElementById("failed");
    if (message) message.hidden = false;
    say("This part could not be loaded");
  };
  document.addEventListener("htmx:responseError", failed);
  document.addEventListener("htmx:sendError", failed);
  document.addEventListener("htmx:timeout", failed);

  for (const element of document.querySelectorAll("[data-needs-script]")) element.hidden = false;
})();
