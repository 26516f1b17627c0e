"use strict";
// The interactive network: cytoscape.js with positions that were computed when the report was written.
(() => {
  const container = document.getElementById("canvas");
  if (!container) return;
  const data = JSON.parse(document.getElementById("report-data").textContent);
  const inspector = document.getElementById("inspector");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const LINES = { passed: "solid", could_not_check: "dashed", estimated: "dotted", check_failed: "dashed" };

  function picture(id) {
    const symbol = document.getElementById(`drawing-${id}`);
    if (!symbol) return null;
    const [, , width, height] = symbol.getAttribute("viewBox").split(" ").map(Number);
    const scale = Math.min(1, 128 / width, 74 / height);
    const body = symbol.innerHTML.replaceAll("currentColor", colour("ink")).replaceAll("#CC4C00", colour("oxygen")).replaceAll("#0071B1", colour("nitrogen"));
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${2 * width * scale}" height="${2 * height * scale}" viewBox="0 0 ${width} ${height}">${body}</svg>`;
    return { image: `data:image/svg+xml,${encodeURIComponent(svg)}`, width: width * scale, height: height * scale };
  }

  function style() {
    const pictures = new Map(data.elements.filter((e) => e.data.kind === "species").map((e) => [e.data.id, picture(e.data.id)]));
    const drawn = (node, part, otherwise) => pictures.get(node.id())?.[part] ?? otherwise;
    const line = (element) => LINES[element.data("state")] ?? "solid";
    const sound = (element) => element.data("state") === "passed";
    return [
      { selector: "node", style: { "font-family": "system-ui, sans-serif", "text-valign": "center", "text-halign": "center", "overlay-opacity": 0 } },
      {
        selector: 'node[kind = "species"]',
        style: {
          shape: "round-rectangle", width: "data(width)", height: "data(height)", "corner-radius": 12, "z-index": 5,
          "background-color": colour("card"), "border-width": 1.5, "border-color": colour("card-rule"),
          "background-image": (node) => drawn(node, "image", "none"), "background-fit": "none",
          "background-width": (node) => drawn(node, "width", 1), "background-height": (node) => drawn(node, "height", 1),
          label: "data(text)", color: colour("ink"), "font-size": 13, "text-max-width": 130, "text-wrap": "ellipsis",
        },
      },
      { selector: "node[?seed]", style: { "border-width": 5, "border-color": "#e69f00", "background-color": colour("seed-ground") } },
      {
        selector: 'node[kind = "reaction"]',
        style: {
          shape: "round-rectangle", "corner-radius": 13, width: "data(width)", height: "data(height)", "z-index": 8,
          "background-color": (node) => node.data("colour") ?? colour("panel"), color: (node) => node.data("ink") ?? colour("quiet"),
          label: "data(label)", "font-size": 13.5, "font-weight": 600,
          "border-width": (node) => (node.data("barrier") === null ? 1.5 : 2.5), "border-style": line,
          "border-color": (node) => (node.data("barrier") === null ? colour("faint") : colour("ink")),
        },
      },
      { selector: 'node[state = "check_failed"]', style: { "border-color": colour("broken"), "background-opacity": 0.35, color: colour("ink") } },
      {
        selector: "edge",
        style: {
          "curve-style": "straight", width: (edge) => (sound(edge) ? 2.4 : 1.8), "line-color": colour("faint"), "line-style": line,
          "target-arrow-color": colour("faint"), "target-arrow-shape": (edge) => (edge.data("side") === "out" ? "triangle" : "none"),
          "arrow-scale": 1.1, opacity: (edge) => (LINES[edge.data("state")] ? 0.8 : 0.32), "overlay-opacity": 0, "z-index": 1,
        },
      },
      { selector: ".hidden", style: { display: "none" } },
      { selector: ".dimmed", style: { opacity: 0.22 } },
      { selector: "edge.lit", style: { "line-color": colour("accent"), "target-arrow-color": colour("accent"), width: 4, opacity: 1, "z-index": 7 } },
      { selector: 'node.lit[kind = "reaction"]', style: { "border-color": colour("accent"), "border-width": 4 } },
      { selector: 'node.lit[kind = "species"][!seed]', style: { "border-color": colour("accent"), "border-width": 3 } },
    ];
  }

  const cy = cytoscape({
    container, elements: data.elements, style: style(), layout: { name: "preset" }, minZoom: 0.08, maxZoom: 3,
    boxSelectionEnabled: false,
  });
  cy.userZoomingEnabled(false); // the wheel scrolls the page until somebody clicks into the drawing
  container.addEventListener("pointerdown", () => cy.userZoomingEnabled(true));
  container.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") cy.userZoomingEnabled(false); });
  const zoomBy = (factor) => cy.zoom({ level: cy.zoom() * factor, renderedPosition: { x: cy.width() / 2, y: cy.height() / 2 } });
  const fit = () => cy.fit(cy.elements(":visible"), 26);
  fit();
  let kept = null;

  function surroundings(node) {
    if (node.data("kind") === "reaction") return node.closedNeighborhood();
    const reactions = node.neighborhood("node");
    return node.union(reactions).union(reactions.closedNeighborhood());
  }

  function light(node) {
    cy.batch(() => {
      cy.elements().removeClass("lit dimmed");
      if (!node) return;
      const near = surroundings(node);
      near.addClass("lit");
      cy.elements().difference(near).addClass("dimmed");
    });
  }

  function element(tag, text, className) {
    const result = document.createElement(tag);
    if (text !== undefined) result.textContent = text;
    if (className) result.className = className;
    return result;
  }

  function describeReaction(id) {
    const body = document.getElementById(id);
    const [, , forward, verdict, reverse, change] = body.querySelector(".row").cells;
    const facts = element("dl", undefined, "facts");
    for (const [name, cell] of [["Forward", forward], ["Reverse", reverse], ["Reaction energy", change]]) {
      const line = element("div");
      line.append(element("dt", name), element("dd", cell.textContent === "–" ? "unknown" : `${cell.textContent} kcal/mol`));
      facts.append(line);
    }
    const button = element("button", "Show in the table");
    button.type = "button";
    button.addEventListener("click", () => window.cairnOpenReaction(id));
    inspector.replaceChildren(body.querySelector(".equation").cloneNode(true), verdict.firstElementChild.cloneNode(true), facts, button);
  }

  function describeSpecies(node) {
    const card = document.querySelectorAll("#species .card")[Number(node.id().slice(1))];
    inspector.replaceChildren(...Array.from(card.children, (child) => child.cloneNode(true)));
  }

  function show(node) {
    light(node);
    if (!node) inspector.replaceChildren(element("p", "Point at a reaction or a species.", "empty"));
    else if (node.data("kind") === "reaction") describeReaction(node.id());
    else describeSpecies(node);
  }

  cy.on("mouseover", "node", (event) => { if (!kept) show(event.target); container.style.cursor = "pointer"; });
  cy.on("mouseout", "node", () => { if (!kept) light(null); container.style.cursor = ""; });
  cy.on("tap", "node", (event) => { kept = event.target; show(kept); });
  cy.on("tap", (event) => { if (event.target === cy) { kept = null; show(null); } });

  const boxes = Array.from(document.querySelectorAll("[data-state-filter]"));
  const limit = document.getElementById("barrier-limit");
  const limitText = document.getElementById("barrier-limit-text");
  function filter() {
    const states = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    const highest = Number(limit.value);
    const everything = highest >= Number(limit.max);
    limitText.textContent = `${highest.toFixed(1)} kcal/mol`;
    cy.batch(() => {
      cy.nodes('[kind = "reaction"]').forEach((node) => {
        const barrier = node.data("barrier");
        const low = everything || (barrier !== null && barrier <= highest);
        node.toggleClass("hidden", !(low && states.has(node.data("state"))));
      });
      cy.nodes('[kind = "species"]').forEach((node) => {
        const neighbours = node.neighborhood('node[kind = "reaction"]');
        node.toggleClass("hidden", !node.data("seed") && neighbours.nonempty() && neighbours.not(".hidden").empty());
      });
    });
  }
  for (const box of boxes) box.addEventListener("change", filter);
  limit.addEventListener("input", filter);
  document.getElementById("zoom-in").addEventListener("click", () => zoomBy(1.3));
  document.getElementById("zoom-out").addEventListener("click", () => zoomBy(1 / 1.3));
  document.getElementById("fit").addEventListener("click", fit);
  dark.addEventListener("change", () => cy.style(style()));
  let width = container.clientWidth;
  addEventListener("resize", () => { if (container.clientWidth !== width) { width = container.clientWidth; cy.resize(); fit(); } });
})();
