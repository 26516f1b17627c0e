"use strict";
// The 3D views of transition states: made when a reaction is opened, given back when it is closed.
(() => {
  const { scenes } = JSON.parse(document.getElementById("report-data").textContent);
  const MOST = 8; // browsers keep about sixteen WebGL contexts
  const open = new Map();
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const dark = matchMedia("(prefers-color-scheme: dark)");

  const point = (frame, i) => ({ x: frame.positions[3 * i], y: frame.positions[3 * i + 1], z: frame.positions[3 * i + 2] });
  const distance = (a, b) => Math.hypot(a.x - b.x, a.y - b.y, a.z - b.z);

  function draw(viewer, scene, frame) {
    viewer.removeAllModels();
    viewer.removeAllShapes();
    viewer.removeAllLabels();
    const partners = scene.symbols.map(() => []);
    for (const [i, j] of frame.bonds) { partners[i].push(j); partners[j].push(i); }
    const atoms = scene.symbols.map((elem, index) => ({
      elem, ...point(frame, index), index, serial: index, bonds: partners[index], bondOrder: partners[index].map(() => 1),
    }));
    viewer.addModel().addAtoms(atoms);
    viewer.setStyle({}, { stick: { radius: 0.11, colorscheme: "Jmol" }, sphere: { scale: 0.24, colorscheme: "Jmol" } });
    if (frame.dashed) {
      for (const [pairs, name] of [[scene.broken, "broken"], [scene.formed, "formed"]]) {
        for (const [i, j] of pairs) {
          const [a, b] = [point(frame, i), point(frame, j)];
          viewer.addCylinder({ start: a, end: b, radius: 0.07, color: colour(name), dashed: true, dashLength: 0.16, gapLength: 0.12, fromCap: 1, toCap: 1 });
          viewer.addLabel(distance(a, b).toFixed(2), {
            position: { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, z: (a.z + b.z) / 2 }, fontSize: 12, fontColor: colour("ink"),
            backgroundColor: colour("panel"), backgroundOpacity: 0.8, borderThickness: 0, inFront: true, alignment: "center",
          });
        }
      }
    }
    viewer.render();
  }

  function button(text) {
    const result = document.createElement("button");
    result.type = "button";
    result.textContent = text;
    return result;
  }

  function make(holder) {
    const scene = scenes[holder.dataset.scene];
    const canvas = holder.querySelector(".viewer-canvas");
    const tools = holder.querySelector(".viewer-tools");
    canvas.replaceChildren();
    tools.replaceChildren();
    let viewer = null;
    try {
      viewer = $3Dmol.createViewer(canvas, { backgroundColor: colour("paper"), antialias: true });
    } catch { viewer = null; }
    if (viewer && canvas.querySelector("canvas")) {
      const buttons = scene.frames.map((frame, k) => {
        const result = button(frame.name);
        result.setAttribute("aria-pressed", String(k === 0));
        result.addEventListener("click", () => {
          for (const other of buttons) other.setAttribute("aria-pressed", String(other === result));
          draw(viewer, scene, frame);
        });
        return result;
      });
      tools.append(...buttons);
      draw(viewer, scene, scene.frames[0]);
      viewer.zoomTo();
      viewer.zoom(1.3);
      viewer.render();
      open.set(holder, viewer);
    } else {
      canvas.textContent = "This browser offers no WebGL, which the 3D view needs. The coordinates can still be copied.";
    }
    const copy = button("Copy XYZ");
    copy.className = "copy";
    copy.dataset.copy = scene.xyz;
    tools.append(copy);
    if (open.size > MOST) close(open.keys().next().value);
  }

  function close(holder) {
    if (!open.has(holder)) return;
    open.delete(holder);
    const canvas = holder.querySelector("canvas");
    (canvas?.getContext("webgl2") ?? canvas?.getContext("webgl"))?.getExtension("WEBGL_lose_context")?.loseContext();
    const again = button("Show the 3D view");
    again.addEventListener("click", () => make(holder));
    holder.querySelector(".viewer-canvas").replaceChildren(again);
    holder.querySelector(".viewer-tools").replaceChildren();
  }

  document.addEventListener("reaction-opened", (event) => {
    const holder = event.detail.querySelector(".viewer");
    if (holder && !open.has(holder)) make(holder);
  });
  document.addEventListener("reaction-closed", (event) => {
    const holder = event.detail.querySelector(".viewer");
    if (holder) close(holder);
  });
  dark.addEventListener("change", () => {
    for (const holder of Array.from(open.keys())) { close(holder); make(holder); }
  });
})();
