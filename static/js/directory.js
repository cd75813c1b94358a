// The user list: ticking rows, and the start of an export. Whether something is ticked, and how many, CSS shows by itself.
"use strict";

(() => {
  const picks = () => [...document.querySelectorAll("input.pick")];
  let last = null;

  const settle = () => {
    const all = picks();
    const count = all.filter((pick) => pick.checked).length;
    const page = document.querySelector("[data-pick-page]");
    if (page) {
      page.hidden = false;
      page.checked = all.length > 0 && count === all.length;
      page.indeterminate = count > 0 && count < all.length;
    }
    const live = document.getElementById("live");
    if (live) live.textContent = count ? `${count} selected` : "";
  };

  document.addEventListener("click", (event) => {
    const pick = event.target.closest("input.pick");
    if (!pick) return;
    const all = picks();
    if (event.shiftKey && last && all.includes(last)) {
      const [from, to] = [all.indexOf(last), all.indexOf(pick)].sort((a, b) => a - b);
      for (const one of all.slice(from, to + 1)) one.checked = pick.checked;
    }
    last = pick;
    settle();
  });
  document.addEventListener("change", (event) => {
    if (!event.target.matches("[data-pick-page]")) return;
    for (const pick of picks()) pick.checked = event.target.checked;
    settle();
  });
  document.addEventListener("reset", () => setTimeout(settle));
  document.addEventListener("htmx:afterSettle", () => {
    last = null;
    const page = document.querySelector("[data-pick-page]");
    if (page) page.hidden = false;
  });

  // The browser takes the file; htmx, told of the submit itself, would keep it from doing so.
  document.addEventListener("submit", (event) => {
    if (event.target.id === "export-form") document.body.dispatchEvent(new CustomEvent("export-started"));
  });

  // The panel above the list: closed in place, its first box focused, its list narrowed while one types.
  document.addEventListener("click", (event) => {
    const panel = document.getElementById("panel");
    if (!event.target.closest("[data-close-panel]") || !document.getElementById("results")) return;
    event.preventDefault();
    panel.replaceChildren();
    document.getElementById("add-filter")?.focus();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && event.target.closest("[data-panel]")) event.target.closest("[data-panel]").querySelector("[data-close-panel]")?.click();
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.target?.id !== "panel") return;
    for (const element of event.detail.target.querySelectorAll("[data-needs-script]")) element.hidden = false;
    const panel = event.detail.target;
    if (panel.contains(document.activeElement)) return;
    (panel.querySelector("[autofocus]") || panel.querySelector("select, input:not([type=hidden]), a"))?.focus();
  });
  document.addEventListener("input", (event) => {
    if (!event.target.matches("[data-find]")) return;
    const wanted = event.target.value.trim().toLowerCase();
    for (const group of document.querySelectorAll("[data-find-group]")) {
      let found = 0;
      for (const item of group.querySelectorAll("li")) {
        item.hidden = !item.textContent.toLowerCase().includes(wanted);
        if (!item.hidden) found += 1;
      }
      group.hidden = found === 0;
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.matches("[data-find]")) return;
    event.preventDefault();
    document.querySelector("[data-find-group] li:not([hidden]) a")?.click();
  });

  // x ticks the row that has the focus.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "x" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) && event.target.type !== "checkbox") return;
    const pick = document.activeElement?.closest("tr")?.querySelector("input.pick");
    if (!pick) return;
    event.preventDefault();
    pick.checked = !pick.checked;
    settle();
  });
})();
