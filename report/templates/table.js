"use strict";
// The table of reactions: searching, sorting, opening, saving. Rows are made as they are needed.
cairn.table = (() => {
  const { make, reactions, species, states, badge, energy, grouped, change } = cairn;
  const table = document.getElementById("reaction-table");
  if (!table) return { open() {}, only() {} };
  const AT_ONCE = 100;
  const byId = (id) => document.getElementById(id);
  const [search, stateSelect, limit, more] = ["search", "state-select", "table-limit", "more-rows"].map(byId);
  const bodies = new Map(); // rows that exist, by place of the reaction
  let order = reactions.key.map((_, r) => r);
  let matching = order;
  let shown = AT_ONCE;
  let texts = null;

  // What a search looks at.
  function text(r) {
    texts ??= reactions.key.map((key, each) => {
      const sides = [...reactions.reactants[each], ...reactions.products[each]];
      return [cairn.state(each).label, key, reactions.failure[each] ?? "", ...sides.flatMap((s) => [species.smiles[s], species.formula[s]])].join(" ").toLowerCase();
    });
    return texts[r];
  }

  // A word that begins with = names a whole species; any other is looked for anywhere.
  function matches(r, word) {
    if (!word.startsWith("=")) return text(r).includes(word.toLowerCase());
    return [...reactions.reactants[r], ...reactions.products[r]].some((s) => species.smiles[s] === word.slice(1));
  }

  function row(r) {
    const id = `r${r}`;
    const button = make("button", { type: "button", "aria-expanded": "false", "aria-controls": `${id}-detail`, "aria-label": `Details of reaction ${r + 1}: ${cairn.spoken(r)}` }, make("span", { class: "chevron", "aria-hidden": "true" }));
    const bar = reactions.error_bar_95_kcal_mol[r];
    const cells = [
      make("td", { class: "opener" }, button),
      make("td", { class: "what" }, cairn.equation(r), reactions.found_by[r] === null ? null : make("span", { class: "tag" }, "found on the way")),
      make("td", { class: "number barrier" }, make("span", { class: "value" }, energy(reactions.barrier_forward_kcal_mol[r])), bar === null ? null : make("small", {}, `± ${bar.toFixed(0)}`)),
      make("td", { class: "said" }, badge(cairn.state(r)), reactions.level[r] ? make("span", { class: "level", title: reactions.level[r] }, reactions.level[r]) : null),
      make("td", { class: "number" }, energy(reactions.barrier_reverse_kcal_mol[r])),
      make("td", { class: "number" }, energy(change(r))),
      make("td", { class: "number" }, grouped(reactions.gradient_calls[r])),
      make("td", { class: "number" }, reactions.seconds[r]?.toFixed(1) ?? "–"),
    ];
    const detail = make("tr", { class: "detail", id: `${id}-detail`, hidden: true }, make("td", { colspan: "8" }));
    const body = make("tbody", { id, class: `reaction is-${cairn.state(r).state}`, "data-reaction": r }, make("tr", { class: "row" }, ...cells), detail);
    bodies.set(r, body);
    return body;
  }

  async function setOpen(r, isOpen) {
    const body = bodies.get(r);
    const cell = body.querySelector(".detail > td");
    body.querySelector(".opener button").setAttribute("aria-expanded", String(isOpen));
    body.querySelector(".detail").hidden = !isOpen;
    const holder = cell.querySelector(".viewer");
    if (!isOpen) {
      if (holder) cairn.viewer.close(holder);
      return;
    }
    if (!cell.firstChild) {
      cell.append(make("p", { class: "sheet empty" }, "Loading…"));
      try {
        const detail = await cairn.details(r);
        cell.replaceChildren(cairn.detail.sheet(r, detail));
        const made = cell.querySelector(".viewer");
        if (made) cairn.viewer.start(made, detail.transition_state.scene);
      } catch (error) {
        cell.replaceChildren(make("p", { class: "sheet failure" }, `The details cannot be read: ${error.message}`));
      }
    }
  }

  function render() {
    const visible = matching.slice(0, shown);
    for (const body of Array.from(table.tBodies)) body.remove();
    table.append(...visible.map((r) => bodies.get(r) ?? row(r)));
    const left = matching.length - visible.length;
    more.hidden = left === 0;
    more.textContent = `Show ${grouped(Math.min(left, AT_ONCE))} more of ${grouped(left)}`;
    byId("shown").textContent = matching.length === cairn.count ? `${grouped(cairn.count)} reactions` : `${grouped(matching.length)} of ${grouped(cairn.count)} reactions`;
    byId("none-shown").hidden = matching.length > 0;
  }

  function filter() {
    const words = search.value.split(/\s+/).filter(Boolean);
    const highest = limit.value === "" ? Infinity : Number(limit.value);
    matching = order.filter((r) => {
      const barrier = reactions.barrier_forward_kcal_mol[r];
      return (!stateSelect.value || cairn.state(r).state === stateSelect.value) && (highest === Infinity || (barrier !== null && barrier <= highest)) && words.every((word) => matches(r, word));
    });
    shown = AT_ONCE;
    render();
  }

  function sortBy(button) {
    const header = button.closest("th");
    const sign = header.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    for (const other of table.querySelectorAll("th[aria-sort]")) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", sign < 0 ? "descending" : "ascending");
    const name = button.dataset.sort;
    const value = name === "change" ? change : (r) => reactions[name][r];
    order = reactions.key.map((_, r) => r).sort((a, b) => {
      const [x, y] = [value(a), value(b)];
      if ((x === null) !== (y === null)) return x === null ? 1 : -1; // unknown values stay last
      return sign * (x - y) || a - b;
    });
    filter();
  }

  // Opens a reaction; filters that hide it are let go, and one far down the table is looked for by its key.
  function open(r) {
    if (!matching.slice(0, shown).includes(r)) {
      [search.value, stateSelect.value, limit.value] = ["", "", ""];
      filter();
    }
    if (matching.indexOf(r) >= shown) {
      search.value = reactions.key[r];
      filter();
    }
    const body = bodies.get(r);
    setOpen(r, true);
    body.scrollIntoView({ block: "start" });
    body.querySelector(".opener button").focus({ preventScroll: true });
  }

  function only(s) {
    search.value = `=${species.smiles[s]}`;
    filter();
    byId("reactions").scrollIntoView();
  }

  function csv() {
    const side = (name) => (r) => reactions[name][r].map((s) => species.smiles[s]).join(".");
    const columns = [
      ["reaction_key", (r) => reactions.key[r]], ["reactants", side("reactants")], ["products", side("products")],
      ["barrier_forward_kcal_mol", (r) => reactions.barrier_forward_kcal_mol[r]], ["barrier_reverse_kcal_mol", (r) => reactions.barrier_reverse_kcal_mol[r]],
      ["reaction_energy_kcal_mol", change], ["verdict", (r) => reactions.verdict[r]], ["level", (r) => reactions.level[r]],
      ["state", (r) => cairn.state(r).state], ["gradient_calls", (r) => reactions.gradient_calls[r]], ["seconds", (r) => reactions.seconds[r]],
    ];
    const cell = (value) => {
      const said = value === null ? "" : String(value);
      const safe = typeof value === "string" && /^[=+\-@\t\r]/.test(said) ? `'${said}` : said; // no formula from a name
      return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
    };
    const lines = [columns.map(([title]) => title), ...matching.map((r) => columns.map(([, value]) => cell(value(r))))];
    const url = URL.createObjectURL(new Blob([`${lines.map((line) => line.join(",")).join("\n")}\n`], { type: "text/csv" }));
    make("a", { href: url, download: "reactions.csv" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  }

  async function copy(button) {
    const label = button.textContent;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = "Copied";
    } catch {
      const area = make("textarea"); // pages opened from a file may lack the clipboard interface
      area.value = button.dataset.copy;
      document.body.append(area);
      area.select();
      button.textContent = document.execCommand("copy") ? "Copied" : "Not allowed";
      area.remove();
    }
    setTimeout(() => { button.textContent = label; }, 1500);
  }

  document.addEventListener("click", (event) => {
    const target = event.target.closest("[data-copy], [data-open], [data-species], [data-sort], tr.row");
    if (!target) return;
    if (target.matches("[data-copy]")) copy(target);
    else if (target.matches("[data-open]")) {
      event.preventDefault();
      open(Number(target.dataset.open));
    } else if (target.matches("[data-species]")) only(Number(target.dataset.species));
    else if (target.matches("[data-sort]")) sortBy(target);
    else if (!String(getSelection())) {
      const body = target.closest("tbody");
      setOpen(Number(body.dataset.reaction), body.querySelector(".detail").hidden);
    }
  });
  search.addEventListener("input", filter);
  stateSelect.addEventListener("change", filter);
  limit.addEventListener("input", filter);
  byId("csv").addEventListener("click", csv);
  more.addEventListener("click", () => { shown += AT_ONCE; render(); });
  const fromAddress = () => {
    const r = reactions.key.findIndex((key) => `#${encodeURIComponent(key)}` === location.hash);
    if (r >= 0) open(r);
  };
  addEventListener("hashchange", fromAddress);
  addEventListener("load", fromAddress);
  render();
  return { open, only };
})();
