"use strict";
// The table of reactions: opening, sorting, searching, saving.
(() => {
  const table = document.getElementById("reaction-table");
  const rows = table ? Array.from(table.tBodies) : [];
  const events = document;

  function setOpen(body, open) {
    const button = body.querySelector(".opener button");
    button.setAttribute("aria-expanded", String(open));
    body.querySelector(".detail").hidden = !open;
    events.dispatchEvent(new CustomEvent(open ? "reaction-opened" : "reaction-closed", { detail: body }));
  }

  function openReaction(id) {
    const body = document.getElementById(id);
    if (!body) return;
    if (body.hidden) {
      document.getElementById("search").value = "";
      document.getElementById("state-select").value = "";
      filter();
    }
    setOpen(body, true);
    body.scrollIntoView({ block: "start" });
    body.querySelector(".opener button").focus({ preventScroll: true });
  }
  window.cairnOpenReaction = openReaction;

  // A word that begins with = names a whole species; any other is looked for anywhere.
  function matches(body, word) {
    if (!word.startsWith("=")) return body.dataset.search.includes(word.toLowerCase());
    return `${body.dataset.reactants} ${body.dataset.products}`.split(" ").includes(word.slice(1));
  }

  function filter() {
    const words = document.getElementById("search").value.split(/\s+/).filter(Boolean);
    const state = document.getElementById("state-select").value;
    let shown = 0;
    for (const body of rows) {
      const match = words.every((word) => matches(body, word)) && (!state || body.dataset.state === state);
      body.hidden = !match;
      shown += match;
    }
    document.getElementById("shown").textContent =
      shown === rows.length ? `${shown} reactions` : `${shown} of ${rows.length} reactions`;
    document.getElementById("none-shown").hidden = shown > 0;
  }

  function sortBy(button) {
    const header = button.closest("th");
    const descending = header.getAttribute("aria-sort") === "ascending";
    for (const other of table.querySelectorAll("th[aria-sort]")) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", descending ? "descending" : "ascending");
    const name = button.dataset.sort;
    const sign = descending ? -1 : 1;
    const order = rows.map((body, index) => ({ body, index, text: body.dataset[name], value: Number(body.dataset[name]) }));
    order.sort((a, b) => {
      if (name === "state") return sign * a.text.localeCompare(b.text) || a.index - b.index;
      if ((a.text === "") !== (b.text === "")) return a.text === "" ? 1 : -1; // unknown values stay last
      return sign * (a.value - b.value) || a.index - b.index;
    });
    for (const { body } of order) table.append(body);
  }

  function save(name, type, text) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  function csv() {
    const columns = [
      ["reaction_key", "key"], ["reactants", "reactants"], ["products", "products"], ["mapped_smiles", "smiles"],
      ["barrier_forward_kcal_mol", "forward"], ["barrier_reverse_kcal_mol", "reverse"],
      ["reaction_energy_kcal_mol", "change"], ["state", "state"], ["gradient_calls", "calls"], ["seconds", "seconds"],
    ];
    const cell = (text) => {
      const numeric = text !== "" && !Number.isNaN(Number(text));
      const safe = /^[=+\-@\t\r]/.test(text) && !numeric ? `'${text}` : text; // no spreadsheet formula from a name
      return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
    };
    const lines = [columns.map(([title]) => title).join(",")];
    for (const body of table.tBodies) {
      if (!body.hidden) lines.push(columns.map(([, field]) => cell(field.endsWith("cts") ? body.dataset[field].replaceAll(" ", ".") : body.dataset[field])).join(","));
    }
    save("reactions.csv", "text/csv", `${lines.join("\n")}\n`);
  }

  async function copy(button) {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.textContent = "Copied";
    } catch {
      const area = document.createElement("textarea"); // pages opened from a file may lack the clipboard interface
      area.value = button.dataset.copy;
      document.body.append(area);
      area.select();
      button.textContent = document.execCommand("copy") ? "Copied" : "Not allowed";
      area.remove();
    }
    setTimeout(() => { button.textContent = button.dataset.label; }, 1500);
  }

  document.addEventListener("click", (event) => {
    const target = event.target.closest("[data-copy], [data-open], [data-species], [data-sort], tr.row");
    if (!target) return;
    if (target.matches("[data-copy]")) {
      target.dataset.label ??= target.textContent;
      copy(target);
    } else if (target.matches("[data-open]")) {
      event.preventDefault();
      openReaction(target.dataset.open);
    } else if (target.matches("[data-species]")) {
      if (!table) return;
      document.getElementById("search").value = `=${target.dataset.species}`;
      filter();
      document.getElementById("reactions").scrollIntoView();
    } else if (target.matches("[data-sort]")) {
      sortBy(target);
    } else if (!String(getSelection())) {
      const body = target.closest("tbody");
      setOpen(body, body.querySelector(".detail").hidden);
    }
  });
  if (table) {
    document.getElementById("search").addEventListener("input", filter);
    document.getElementById("state-select").addEventListener("change", filter);
    document.getElementById("csv").addEventListener("click", csv);
    const fromAddress = () => { if (/^#r\d+$/.test(location.hash)) openReaction(location.hash.slice(1)); };
    addEventListener("hashchange", fromAddress);
    addEventListener("load", fromAddress);
  }
})();
