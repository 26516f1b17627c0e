"use strict";
// The 3D views of transition states: made when a reaction is opened, moving along its path, given back when it is closed.
cairn.viewer = (() => {
  const { make, colour } = cairn;
  const MOST = 8; // browsers keep about sixteen WebGL contexts
  const [FRAME_MS, PERIOD_MS] = [60, 2600];
  const open = new Map();
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const TURNS = { ArrowLeft: [-15, "y"], ArrowRight: [15, "y"], ArrowUp: [-15, "x"], ArrowDown: [15, "x"] };

  const point = (positions, i) => ({ x: positions[3 * i], y: positions[3 * i + 1], z: positions[3 * i + 2] });
  const distance = (a, b) => Math.hypot(a.x - b.x, a.y - b.y, a.z - b.z);

  function draw(viewer, scene, { positions, bonds, dashed }, labelled) {
    viewer.removeAllModels();
    viewer.removeAllShapes();
    viewer.removeAllLabels();
    const partners = scene.symbols.map(() => []);
    for (const [i, j] of bonds) { partners[i].push(j); partners[j].push(i); }
    const atoms = scene.symbols.map((elem, index) => ({
      elem, ...point(positions, index), index, serial: index, bonds: partners[index], bondOrder: partners[index].map(() => 1),
    }));
    viewer.addModel().addAtoms(atoms);
    viewer.setStyle({}, { stick: { radius: 0.11, colorscheme: "Jmol" }, sphere: { scale: 0.24, colorscheme: "Jmol" } });
    for (const [pairs, name] of dashed ? [[scene.broken, "broken"], [scene.formed, "formed"]] : []) {
      for (const [i, j] of pairs) {
        const [a, b] = [point(positions, i), point(positions, j)];
        viewer.addCylinder({ start: a, end: b, radius: 0.07, color: colour(name), dashed: true, dashLength: 0.16, gapLength: 0.12, fromCap: 1, toCap: 1 });
        if (!labelled) continue;
        viewer.addLabel(distance(a, b).toFixed(2), {
          position: { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, z: (a.z + b.z) / 2 }, fontSize: 12, fontColor: colour("ink"),
          backgroundColor: colour("panel"), backgroundOpacity: 0.8, borderThickness: 0, inFront: true, alignment: "center",
        });
      }
    }
    viewer.render();
  }

  // Where the atoms are between the reactant end (-1), the saddle point (0) and the product end (1), on straight lines.
  function between(scene, place) {
    const [saddle, ...ends] = scene.frames;
    const end = ends.find((frame) => frame.side === Math.sign(place)) ?? saddle;
    const part = Math.abs(place);
    return { positions: saddle.positions.map((value, k) => value + part * (end.positions[k] - value)), bonds: saddle.bonds, dashed: true };
  }

  // The view is as large as all structures together, so that it does not jump.
  function fit(viewer, scene) {
    const all = scene.frames.flatMap((frame) => scene.symbols.map((elem, index) => ({ elem, ...point(frame.positions, index) })));
    viewer.addModel().addAtoms(all);
    viewer.zoomTo();
    viewer.zoom(1.15);
    viewer.removeAllModels();
  }

  function start(holder, scene) {
    const canvas = holder.querySelector(".viewer-canvas");
    const tools = holder.querySelector(".viewer-tools");
    canvas.replaceChildren();
    tools.replaceChildren();
    let viewer = null;
    try {
      viewer = $3Dmol.createViewer(canvas, { backgroundColor: colour("paper"), antialias: true });
    } catch { viewer = null; }
    if (viewer && canvas.querySelector("canvas")) control(holder, scene, viewer, tools);
    else canvas.textContent = "This browser offers no WebGL, which the 3D view needs. The coordinates can still be copied.";
    tools.append(make("button", { type: "button", class: "copy", "data-copy": scene.xyz }, "Copy XYZ"));
    if (open.size > MOST) close(open.keys().next().value);
  }

  function control(holder, scene, viewer, tools) {
    const view = { viewer, scene, timer: null, began: 0, seen: true };
    const buttons = [];
    const press = (pressed) => { for (const each of buttons) each.setAttribute("aria-pressed", String(each === pressed)); };
    function show(frame, button) {
      stop(view);
      press(button);
      draw(viewer, scene, frame, true);
    }
    for (const frame of scene.frames) {
      const button = make("button", { type: "button" }, frame.name);
      button.addEventListener("click", () => show(frame, button));
      buttons.push(button);
    }
    const play = make("button", { type: "button", class: "play" }, "Move");
    if (scene.frames.length > 1) buttons.push(play);
    play.addEventListener("click", () => {
      if (view.timer !== null) { show(scene.frames[0], buttons[0]); return; }
      press(play);
      run(view);
    });
    tools.append(...buttons);
    fit(viewer, scene);
    show(scene.frames[0], buttons[0]);
    const canvas = holder.querySelector(".viewer-canvas");
    canvas.addEventListener("keydown", (event) => {
      if (!(event.key in TURNS)) return;
      event.preventDefault();
      viewer.rotate(...TURNS[event.key]);
    });
    view.watcher = new IntersectionObserver(([entry]) => { view.seen = entry.isIntersecting; });
    view.watcher.observe(holder);
    open.set(holder, view);
    if (scene.frames.length > 1 && !still.matches) play.click();
  }

  // The browser says when it is ready for the next picture: where it draws slowly, fewer are made.
  function run(view) {
    view.began = performance.now();
    let last = 0;
    const next = (now) => {
      view.timer = requestAnimationFrame(next);
      if (!view.seen || now - last < FRAME_MS) return;
      last = now;
      draw(view.viewer, view.scene, between(view.scene, Math.sin(((now - view.began) / PERIOD_MS) * 2 * Math.PI)), false);
    };
    view.timer = requestAnimationFrame(next);
  }

  function stop(view) {
    cancelAnimationFrame(view.timer);
    view.timer = null;
  }

  function close(holder) {
    const view = open.get(holder);
    if (!view) return;
    open.delete(holder);
    stop(view);
    view.watcher.disconnect();
    const canvas = holder.querySelector("canvas");
    (canvas?.getContext("webgl2") ?? canvas?.getContext("webgl"))?.getExtension("WEBGL_lose_context")?.loseContext();
    const again = make("button", { type: "button" }, "Show the 3D view");
    again.addEventListener("click", () => start(holder, view.scene));
    holder.querySelector(".viewer-canvas").replaceChildren(again);
    holder.querySelector(".viewer-tools").replaceChildren();
  }

  dark.addEventListener("change", () => {
    for (const [holder, { scene }] of Array.from(open)) { close(holder); start(holder, scene); }
  });

  return { start, close };
})();
