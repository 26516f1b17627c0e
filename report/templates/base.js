"use strict";
// What all scripts of the page share: the data, elements, pictures of molecules, wording, details of reactions.
const cairn = (() => {
  const data = JSON.parse(document.getElementById("report-data").textContent);
  const { species, reactions, pictures, states } = data;
  const seeds = new Set(data.seeds);
  const count = reactions.key.length;
  const byKey = new Map(reactions.key.map((key, r) => [key, r]));
  const SVG = "http://www.w3.org/2000/svg";

  // An element; texts of anybody only ever become text nodes or values of attributes that run nothing.
  function make(tag, attributes = {}, ...children) {
    const result = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value === true) result.setAttribute(name, "");
      else if (value !== false && value !== null && value !== undefined) result.setAttribute(name, value);
    }
    result.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
    return result;
  }

  function makeSvg(tag, attributes = {}, ...children) {
    const result = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(attributes)) result.setAttribute(name, value);
    result.append(...children);
    return result;
  }

  // The body of a drawing is paths alone, which was checked where it was made.
  function sketch([width, height, body], scale, label) {
    const result = makeSvg("svg", {
      class: "molecule", role: "img", "aria-label": label, width: (width * scale).toFixed(1),
      height: (height * scale).toFixed(1), viewBox: `0 0 ${width} ${height}`, fill: "none", "stroke-width": "1.4",
    });
    result.innerHTML = body;
    return result;
  }

  const store = document.getElementById("store");
  const stored = new Set();
  // A species as a drawing, or its SMILES where there is none; equal drawings share their paths.
  function molecule(s, scale = 0.76) {
    const picture = pictures[s];
    if (!picture) return make("span", { class: "smiles" }, shortened(species.smiles[s], 60));
    const [width, height, body] = picture;
    if (!stored.has(s)) {
      stored.add(s);
      const group = makeSvg("g", { fill: "none", "stroke-width": "1.4" });
      group.innerHTML = body;
      store.append(makeSvg("symbol", { id: `drawing-${s}`, viewBox: `0 0 ${width} ${height}` }, group));
    }
    const title = makeSvg("title");
    title.textContent = species.smiles[s];
    return makeSvg(
      "svg",
      { class: "molecule", role: "img", "aria-label": species.smiles[s], width: (width * scale).toFixed(1), height: (height * scale).toFixed(1) },
      title, makeSvg("use", { href: `#drawing-${s}` }),
    );
  }

  function arrow() {
    const line = { d: "M1 6H27M22 1.5L28 6L22 10.5", fill: "none", stroke: "currentColor", "stroke-width": "1.4", "stroke-linecap": "round" };
    return makeSvg("svg", { class: "arrow", width: 30, height: 12, viewBox: "0 0 30 12", role: "img", "aria-label": "reacts to" }, makeSvg("path", line));
  }

  function equation(r, scale = 0.76, reverse = false) {
    const sides = [reactions.reactants[r], reactions.products[r]];
    if (reverse) sides.reverse();
    const parts = sides.map((side, k) => {
      const molecules = side.flatMap((s, i) => [
        i ? make("span", { class: "plus" }, "+") : null,
        make("span", { class: `partner${seeds.has(s) ? " seed" : ""}` }, molecule(s, scale)),
      ]);
      return make("span", { class: "side" }, k ? arrow() : null, ...molecules);
    });
    return make("span", { class: "equation" }, ...parts);
  }

  // The equation of a reaction as text, for screen readers and labels.
  function spoken(r, reverse = false) {
    const sides = [reactions.reactants[r], reactions.products[r]].map((side) => side.map((s) => shortened(species.smiles[s], 60)).join(" + "));
    return (reverse ? sides.reverse() : sides).join(" → ");
  }

  const state = (r) => states[reactions.state[r]];
  function badge({ state: name, label, glyph, meaning }) {
    return make("span", { class: `badge badge-${name}`, title: meaning }, make("span", { class: "glyph", "aria-hidden": "true" }, glyph), label);
  }

  const shortened = (text, length) => (text.length <= length ? text : `${text.slice(0, length - 1)}…`);
  const energy = (value) => (value === null || value === undefined ? "–" : value.toFixed(1).replace("-0.0", "0.0").replace("-", "−"));
  const grouped = (value) => String(value).replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");
  const power = (value) => String(value).replace(/[-\d]/g, (each) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(each)]);
  const change = (r) => {
    const [forward, reverse] = [reactions.barrier_forward_kcal_mol[r], reactions.barrier_reverse_kcal_mol[r]];
    return forward === null || reverse === null ? null : forward - reverse;
  };
  function duration(seconds) {
    if (seconds < 60) return `${seconds.toFixed(1)} s`;
    const minutes = Math.round(seconds / 60);
    return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  }

  // Eyring's rate constant from a height in kcal/mol, log10 of s^-1: kT/h exp(-E/RT).
  const logRate = (height, kelvin) => Math.log10(data.attempts_per_s_k * kelvin) - height / (data.gas_constant_kcal_mol_k * kelvin * Math.LN10);

  const unpacked = new Map();
  async function unpack(part) {
    const text = document.getElementById(`details-${part}`).textContent;
    const bytes = Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
    if (typeof DecompressionStream === "undefined") throw new Error("this browser cannot unpack details; one of 2023 or later can");
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return JSON.parse(await new Response(stream).text());
  }

  async function ask(r) {
    const answer = await fetch(`${data.details.url}${encodeURIComponent(reactions.key[r])}?reverse=${Boolean(reactions.turned[r])}`);
    const body = await answer.json();
    if (!answer.ok) throw new Error(body.error);
    return body.detail;
  }

  // Everything that is known of a reaction, from this page or from its server.
  async function details(r) {
    if (data.details.url) return ask(r);
    const part = Math.floor(r / data.details.together);
    if (!unpacked.has(part)) unpacked.set(part, unpack(part));
    return (await unpacked.get(part))[r % data.details.together];
  }

  // Species by what people type: SMILES, else key, else formula; null where there is none.
  const labels = new Map();
  species.smiles.forEach((smiles, s) => labels.set(labels.has(smiles) ? `${smiles} · ${species.key[s]}` : smiles, s));
  const labelOf = (s) => (labels.get(species.smiles[s]) === s ? species.smiles[s] : `${species.smiles[s]} · ${species.key[s]}`);
  function named(text) {
    const wanted = text.trim();
    if (labels.has(wanted)) return labels.get(wanted);
    const found = [species.key, species.formula].map((column) => column.indexOf(wanted)).find((s) => s >= 0);
    return wanted === "" || found === undefined ? null : found;
  }

  const SUGGESTED = 30;
  function suggest(input) {
    const list = document.getElementById(input.getAttribute("list"));
    input.addEventListener("input", () => {
      const wanted = input.value.trim().toLowerCase();
      const found = [];
      for (let s = 0; s < species.key.length && found.length < SUGGESTED; s += 1) {
        if (`${species.smiles[s]} ${species.formula[s]}`.toLowerCase().includes(wanted)) found.push(s);
      }
      list.replaceChildren(...found.map((s) => make("option", { value: labelOf(s), label: species.formula[s] })));
    });
  }

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

  return {
    data, species, reactions, seeds, count, byKey, states, make, makeSvg, sketch, molecule, arrow, equation, spoken, state, badge,
    shortened, energy, grouped, power, change, duration, logRate, details, named, labelOf, suggest, colour,
  };
})();
