// The profile page: the timeline's chart, the search among properties, and links that stay in step with the address.
// Without it the page shows a still drawing, the search is a form, and every link loads the page.
"use strict";

(() => {
  const format = new Intl.NumberFormat("en");
  const plural = (count, word) => `${format.format(count)} ${word}${count === 1 ? "" : "s"}`;
  const compact = (count) => count >= 10000 ? `${Math.round(count / 1000)}k` : format.format(count);
  let chart = null;

  // Colours come from the page, so that they turn with the theme. `light-dark()` only resolves on real properties.
  const colour = (element, property = "color", pseudo = null) => getComputedStyle(element, pseudo)[property];

  const drawChart = () => {
    chart?.destroy();
    chart = null;
    const figure = document.querySelector("[data-chart]");
    const source = document.getElementById("timeline-data");
    if (!figure || !source || typeof uPlot === "undefined") return;
    const data = JSON.parse(source.textContent);
    const count = data.labels.length;
    const hint = document.querySelector("[data-chart-hint]");
    hint.dataset.words ??= hint.textContent;
    const text = colour(hint);
    const line = colour(figure, "borderTopColor");
    const events = colour(document.querySelector(".legend-events"), "backgroundColor", "::before");
    const sessions = colour(document.querySelector(".legend-sessions"), "backgroundColor", "::before");
    const font = `11px ${getComputedStyle(document.body).fontFamily}`;
    const whole = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 1e6, 1e7];
    const upTo = (room) => (self, low, high) => [0, Math.max(2, Math.ceil(high < 20 && room < 1.1 ? high : high * room))];
    const bars = (share) => uPlot.paths.bars({ size: [share, 40], radius: [0.12, 0] });
    const axis = (scale, side, grid) => ({
      scale, side, size: side === 1 ? 30 : 38, stroke: text, font, gap: 4, incrs: whole, space: 44,
      grid: grid ? { stroke: line, width: 1 } : { show: false }, ticks: { show: false },
      values: (self, splits) => splits.map(compact),
    });
    const options = {
      width: figure.clientWidth,
      height: figure.clientHeight,
      padding: [8, 0, 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { show: false }, drag: { x: true, y: false, dist: 8 } },
      select: { show: true },
      scales: {
        x: { time: false, range: (self, low, high) => [Math.max(-0.5, low - 0.5), Math.min(count - 0.5, high + 0.5)] },
        events: { range: upTo(1.04) },
        sessions: { range: upTo(1.7) },
      },
      axes: [
        {
          stroke: text, font, size: 26, gap: 6, space: data.unit === "hour" ? 100 : 74, incrs: whole, grid: { show: false }, ticks: { show: false },
          values: (self, splits) => splits.map((index) => data.ticks[index] ?? ""),
        },
        axis("events", 3, true),
        axis("sessions", 1, false),
      ],
      series: [
        {},
        { scale: "events", fill: events, width: 0, paths: bars(0.72), points: { show: false } },
        { scale: "sessions", fill: sessions, width: 0, paths: bars(0.34), points: { show: false } },
      ],
      hooks: {
        setCursor: [(self) => {
          const at = self.cursor.idx;
          const label = at == null ? null : data.labels[at];
          hint.textContent = label
            ? `${label}: ${plural(data.events[at], "event")}, ${plural(data.sessions[at], "session")}`
            : hint.dataset.words;
        }],
      },
    };
    const still = figure.querySelector(".chart-still");
    const label = still?.getAttribute("aria-label");
    if (still) still.remove();
    if (label) { figure.setAttribute("role", "img"); figure.setAttribute("aria-label", label); }
    chart = new uPlot(options, [data.labels.map((_, index) => index), data.events, data.sessions], figure);
  };

  let width = 0;
  const fit = () => {
    const figure = document.querySelector("[data-chart]");
    if (!chart || !figure || figure.clientWidth === width) return;
    width = figure.clientWidth;
    chart.setSize({ width, height: figure.clientHeight });
  };

  // Search among the properties that are on the page; the form asks the server where some are not.
  document.addEventListener("input", (event) => {
    const form = event.target.closest("[data-property-search]");
    if (!form || form.hasAttribute("hx-get")) return;
    const words = event.target.value.trim().toLowerCase();
    let found = 0;
    const box = form.closest("[data-box]");
    for (const item of box.querySelectorAll("[data-property]")) {
      item.hidden = !item.dataset.property.includes(words);
      if (!item.hidden) found += 1;
    }
    box.querySelector("[data-no-match]").hidden = found > 0;
  });
  document.addEventListener("submit", (event) => {
    const form = event.target.closest("[data-property-search]");
    if (form && !form.hasAttribute("hx-get")) event.preventDefault();
  });

  // The address is the state. After it changed, every other link takes over what it does not set itself, and the
  // chosen session is marked.
  const attributes = ["href", "hx-get", "hx-push-url"];
  const follow = () => {
    const state = new URLSearchParams(location.search);
    for (const link of document.querySelectorAll("a[data-sets]")) {
      const sets = new Set(link.dataset.sets.split(" "));
      let hasChanged = false;
      for (const attribute of attributes) {
        const address = link.getAttribute(attribute);
        if (!address) continue;
        const url = new URL(address, location.href);
        for (const name of new Set([...url.searchParams.keys(), ...state.keys()])) {
          if (sets.has(name)) continue;
          if (state.has(name)) url.searchParams.set(name, state.get(name)); else url.searchParams.delete(name);
        }
        const changed = url.pathname + url.search + url.hash;
        if (changed === address) continue;
        link.setAttribute(attribute, changed);
        hasChanged = true;
      }
      if (hasChanged) htmx.process(link);
    }
    const chosen = state.get("session");
    for (const element of document.querySelectorAll("[data-session]")) {
      if (chosen === null) break;
      if (element.dataset.session === chosen) element.setAttribute("aria-current", "true");
      else element.removeAttribute("aria-current");
    }
  };
  document.addEventListener("htmx:pushedIntoHistory", follow);

  // What is new waits behind a pill. Pressed, it comes into the boxes where they stand: the place, the chosen session
  // and what is unfolded stay. On a page of older rows it stays a link, to the newest.
  const parts = ["session-history", "event-timeline", "timeline", "user-details", "affected-crashes", "sdk-lens"];
  const keepChosen = () => {
    const url = new URL(location.href);
    const chosen = document.querySelector("[data-session][aria-current]");
    if (chosen && !url.searchParams.has("session")) {
      url.searchParams.set("session", chosen.dataset.session);
      history.replaceState(history.state, "", url);
      follow();
    }
    return url.search;
  };
  const arrive = async (pill) => {
    const live = pill.closest("[data-live]");
    const rows = document.querySelector("[data-rows]");
    if (rows) {
      await htmx.ajax("GET", location.pathname + location.search, { target: rows, select: "#stream-rows", swap: "morph:outerHTML" });
    } else {
      const search = keepChosen();
      const boxes = parts.filter((name) => document.getElementById(name));
      await Promise.all(boxes.map((name) => htmx.ajax("GET", `${location.pathname}${name}/${search}`, {
        target: `#${name}`, swap: name === "timeline" ? "outerHTML" : "morph:outerHTML",
      })));
    }
    const said = document.createElement("span");
    said.className = "visually-hidden";
    said.textContent = `${pill.textContent.trim()} shown`;
    const url = new URL(live.getAttribute("hx-get"), location.href);
    url.searchParams.set("since", pill.dataset.until);
    live.setAttribute("hx-get", url.pathname + url.search);
    live.replaceChildren(said);
    htmx.process(live);
  };
  document.addEventListener("click", (event) => {
    const pill = event.target.closest("[data-news]");
    if (!pill || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (!document.querySelector("[data-rows], [data-box]")) return;
    event.preventDefault();
    arrive(pill);
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.target.id === "timeline" || event.target.querySelector?.("[data-chart]")) drawChart();
  });
  document.addEventListener("theme-changed", () => requestAnimationFrame(drawChart));
  addEventListener("resize", fit);

  drawChart();
})();
