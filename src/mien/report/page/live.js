"use strict";
(() => {
  const SVG = "http://www.w3.org/2000/svg";
  const by = (id) => document.getElementById(id);
  const rows = [...document.querySelectorAll(".emotions [data-emotion]")];
  const names = rows.map((row) => row.dataset.emotion);
  for (const row of rows) row.style.setProperty("--c", `var(--e-${row.dataset.emotion})`);
  let shownScare = null;
  let ended = false;

  function state(words, kind) {
    const pill = by("state");
    if (pill.textContent !== words) pill.textContent = words;
    pill.className = `pill ${kind}`;
  }

  function tiles(list, entries) {
    const old = new Map([...list.children].map((div) => [div.dataset.key, div]));
    for (const [key, name, words, kind] of entries) {
      let div = old.get(key);
      if (!div) {
        div = document.createElement("div");
        div.dataset.key = key;
        div.append(document.createElement("dt"), document.createElement("dd"));
        div.firstChild.textContent = name;
      }
      old.delete(key);
      div.className = kind === "relief" ? "wide relief" : kind === "wide" ? "wide" : "";
      div.lastChild.className = kind === "withheld" ? "withheld-value" : "";
      if (div.lastChild.textContent !== words) div.lastChild.textContent = words;
      list.append(div);
    }
    for (const div of old.values()) div.remove();
    if (list.children.length % 2 && !list.querySelector(".wide")) list.lastChild.classList.add("wide");
  }

  function rect(x, y, width, height, fill) {
    const made = document.createElementNS(SVG, "rect");
    for (const [name, value] of Object.entries({ x, y, width, height })) made.setAttribute(name, value.toFixed(3));
    if (fill) made.style.fill = fill;
    else made.setAttribute("class", "none");
    return made;
  }

  function strip(told) {
    const svg = by("strip").firstElementChild;
    const scale = 300 / (told.to - told.from);
    const made = [];
    const sums = names.map(() => 0);
    let read = 0;
    for (const step of told.steps) {
      const x = (step.at - told.from) * scale;
      const width = Math.max(step.seconds * scale, 0.6) + 0.05;
      if (!step.emotions) {
        made.push(rect(x, 92, width, 8, null));
        continue;
      }
      let y = 100;
      read += 1;
      step.emotions.forEach((points, k) => {
        sums[k] += points;
        y -= points;
        if (points > 0.2) made.push(rect(x, y, width, points, `var(--e-${names[k]})`));
      });
    }
    svg.replaceChildren(...made);
    by("keys").hidden = read === told.steps.length;
    const means = sums.map((sum, k) => [read ? sum / read : 0, names[k]]).sort((a, b) => b[0] - a[0]);
    const strongest = means.slice(0, 3).map(([mean, name]) => `${name} ${Math.round(mean)} %`).join(", ");
    by("strip").setAttribute("aria-label", read ? `Mean of the last 30 seconds: ${strongest}` : "Nothing was read yet");
    shock(told, scale);
  }

  function shock(told, scale) {
    const values = told.steps.filter((step) => step.shock !== null);
    by("shock").hidden = !values.length;
    if (!values.length) return;
    const points = values.map((step) => `${((step.at - told.from) * scale).toFixed(2)} ${(100 - step.shock).toFixed(2)}`);
    const line = `M${points.join("L")}`;
    const [area, edge] = by("shock").querySelectorAll("path");
    edge.setAttribute("d", line);
    area.setAttribute("d", `${line}L${points.at(-1).split(" ")[0]} 100L${points[0].split(" ")[0]} 100Z`);
    const now = Math.round(values.at(-1).shock);
    by("shock-now").textContent = `${now} of 100`;
    by("shock").querySelector(".field").setAttribute("aria-label", `Shock over the last 30 seconds, now ${now} of 100`);
  }

  function show(told) {
    by("clock").textContent = told.clock;
    by("demo").hidden = !told.demo;
    const lost = told.cameras.filter((camera) => camera.lost).map((camera) => camera.name);
    if (lost.length) state(`nothing comes from ${lost.join(", ")}`, "bad");
    else if (told.waiting) state("waiting for the first step", "");
    else state(told.scare && told.scare.at !== shownScare && shownScare !== null ? `scare at ${told.scare.at}` : "live", "live");
    shownScare = told.scare ? told.scare.at : "";
    by("untold").hidden = !told.state;
    by("untold").textContent = told.state || "";
    told.emotions.forEach((emotion, k) => {
      const row = rows[k];
      const known = emotion.points !== null;
      row.querySelector(".bar i").style.width = `${known ? emotion.points : 0}%`;
      row.querySelector(".mean").textContent = known ? `${Math.round(emotion.points)} %` : "–";
      row.querySelector(".bounds").textContent = emotion.low === null ? "" : `${Math.round(emotion.low)}–${Math.round(emotion.high)}`;
    });
    strip(told.strip);
    tiles(by("measures"), [
      ["faces", "Faces", told.faces || "–"],
      ["coverage", "Coverage", told.coverage || "–"],
      ...told.measures.map((measure) => [measure.slug, measure.name, measure.words, measure.known ? "" : "withheld"]),
      ["scare", "Last scare", told.scare ? `${told.scare.at}, shock ${told.scare.shock}` : "none yet"],
    ]);
    const latency = told.latency;
    const machine = [
      ["fps", "Frames a second", `${Math.round(told.frames_per_second)}`],
      ["dropped", "Dropped", `${told.dropped}`],
      ["p95", "Told within (95 %)", `${latency.p95_ms} ms`],
      ["median", "Median", `${latency.median_ms} ms`],
      ["detector", "Detector, a call", `${latency.detector_ms.toFixed(1)} ms`],
      ["classifier", "Classifier, a call", `${latency.classifier_ms.toFixed(1)} ms`],
      ["waiting", "Camera to engine", `${latency.waiting_ms.toFixed(1)} ms`],
      ["engine", "Engine, a frame", `${latency.engine_ms.toFixed(1)} ms`],
      ["heat", "Temperature", told.heat || "not told by this machine", told.heat ? "wide" : "withheld"],
    ];
    if (told.relief) machine.push(["relief", "Spared for its heat", told.relief, "relief"]);
    tiles(by("machine"), machine);
    by("cadence").textContent = `It ${told.cadence}.`;
    cameras(told.cameras);
    by("happened").hidden = !told.notes.length;
    const notes = by("notes");
    if ([...notes.children].map((li) => li.textContent).join("\n") !== told.notes.join("\n")) {
      notes.replaceChildren(...told.notes.map((note) => Object.assign(document.createElement("li"), { textContent: note })));
    }
  }

  function cameras(told) {
    const table = by("cameras");
    table.parentElement.hidden = told.length < 2 && !told.some((camera) => camera.restarts);
    table.tBodies[0].replaceChildren(
      ...told.map((camera) => {
        const row = document.createElement("tr");
        row.className = camera.lost ? "lost" : "";
        const head = document.createElement("th");
        head.scope = "row";
        head.textContent = camera.lost ? `${camera.name} (lost)` : camera.name;
        row.append(head);
        for (const figure of [camera.frames_per_second.toFixed(1), `${camera.faces_read}/${camera.faces}`, camera.dropped, camera.restarts]) {
          row.append(Object.assign(document.createElement("td"), { textContent: figure }));
        }
        return row;
      }),
    );
  }

  const picture = by("picture");
  let camera = 0;
  let paused = false;
  let tries = 0;

  function look() {
    if (!picture || paused || ended || document.hidden) return;
    tries += 1;
    picture.src = `picture/${camera}?${tries}`;
  }

  function away() {
    if (picture) picture.removeAttribute("src");
  }

  function still() {
    const canvas = by("still");
    if (picture.naturalWidth) {
      canvas.width = picture.naturalWidth;
      canvas.height = picture.naturalHeight;
      canvas.getContext("2d").drawImage(picture, 0, 0);
      canvas.hidden = false;
    }
    away();
  }

  if (picture) {
    picture.addEventListener("load", () => {
      by("no-picture").hidden = true;
      by("still").hidden = true;
    });
    picture.addEventListener("error", () => {
      if (picture.hasAttribute("src")) {
        away();
        setTimeout(look, 1500);
      }
    });
    by("pause").addEventListener("click", () => {
      paused = !paused;
      by("pause").textContent = paused ? "Go on" : "Pause";
      by("pause").setAttribute("aria-pressed", `${paused}`);
      if (paused) still();
      else look();
    });
    for (const button of document.querySelectorAll(".choose button")) {
      button.addEventListener("click", () => {
        camera = Number(button.dataset.camera);
        for (const other of document.querySelectorAll(".choose button")) other.setAttribute("aria-pressed", `${other === button}`);
        if (!paused) look();
      });
    }
    document.addEventListener("visibilitychange", () => (document.hidden ? still() : look()));
    look();
  }

  const events = new EventSource("figures");
  events.addEventListener("open", () => state("live", "live"));
  events.addEventListener("message", (event) => show(JSON.parse(event.data)));
  events.addEventListener("error", () => ended || state("no connection to Mien", "bad"));
  events.addEventListener("ended", () => {
    ended = true;
    events.close();
    if (picture) {
      still();
      by("pause").hidden = true;
      by("no-picture").textContent = "The session has ended";
    }
    state("the session has ended", "");
  });
})();
