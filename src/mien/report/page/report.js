(() => {
  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId("data").textContent);
  const stage = byId("stage"), now = byId("now");
  const time = byId("readout-time"), about = byId("readout-about");
  const items = [...document.querySelectorAll("#legend > li")];
  const fields = [...document.querySelectorAll(".field")];
  const readings = fields.map((field) => field.parentElement.querySelector(".reading"));
  const resting = { time: time.textContent, about: about.textContent, values: items.map((li) => li.querySelector("b").textContent) };
  const tellSaid = data.sentences.length ? transcript(data.sentences) : () => {};
  let playing = null;

  const value = (table, index) => (table.length ? table[index] : null);
  const whole = (number) => (number > 0 && number < 0.5 ? "under 1" : String(Math.round(number)));
  const minus = (text) => text.replace("-", "−");

  const describe = (index) => {
    const read = value(data.mean[items[0].dataset.emotion], index) !== null;
    const span = data.each > 1 ? cursor.clock(data.start[index]) + "–" + cursor.clock(data.end[index]) : cursor.exactly(data.start[index]);
    if (!read) return { span, about: data.states[data.state[index]], ranked: [] };
    const faces = data.readable[index] === data.present[index] ? String(data.present[index]) : data.readable[index] + " of " + data.present[index];
    const noun = data.present[index] === 1 ? " face read" : " faces read";
    const ranked = items.map((li) => [li.dataset.emotion, value(data.mean[li.dataset.emotion], index)]).sort((a, b) => b[1] - a[1]);
    return { span, about: "coverage " + data.coverage[index] + " %, " + faces + noun + (data.each > 1 ? ", mean of " + data.each + " steps" : ""), ranked };
  };
  const scenesAt = (seconds) => data.scenes.filter((scene) => scene.recorded.some(([from, to]) => seconds >= from - 1e-4 && seconds < to - 1e-4));
  const measured = (number, index) => {
    const panel = data.panels[number], mean = value(panel.value, index);
    if (mean === null) return "not told";
    const low = value(panel.low, index), high = value(panel.high, index);
    const told = (figure) => minus(figure.toFixed(panel.digits));
    return told(mean) + (low === null ? "" : " (" + told(low) + " to " + told(high) + ")");
  };
  const spoken = (index) => {
    const told = describe(index);
    const ranked = told.ranked.slice(0, 3).map(([emotion, mean]) => emotion + " " + whole(mean) + " percent").join(", ");
    return told.span + (ranked ? ", " + ranked : "") + ", " + told.about + scenesAt(data.start[index]).map((scene) => ", " + scene.name).join("");
  };

  const read = (index) => {
    const told = describe(index);
    time.textContent = told.span;
    about.textContent = told.about;
    for (const li of items) {
      const emotion = li.dataset.emotion, mean = value(data.mean[emotion], index);
      const low = value(data.low[emotion], index), high = value(data.high[emotion], index);
      li.querySelector("b").textContent = mean === null ? "–" : whole(mean) + " %";
      li.querySelector("small").textContent = mean !== null && low !== null ? Math.round(low) + "–" + Math.round(high) : "";
    }
    readings.forEach((reading, number) => { reading.textContent = measured(number, index); });
    tellSaid((data.start[index] + data.end[index]) / 2);
  };
  const rest = () => {
    if (playing !== null) { read(playing); tellSaid(recordedNow); return; }
    time.textContent = resting.time;
    about.textContent = resting.about;
    items.forEach((li, i) => { li.querySelector("b").textContent = resting.values[i]; li.querySelector("small").textContent = ""; });
    for (const reading of readings) reading.textContent = "";
    tellSaid(null);
  };

  /* What was felt where the film is. */
  const tellNow = (recorded, place) => {
    now.hidden = false;
    const index = recorded === null ? null : cursor.indexAt(recorded);
    const told = index === null ? null : describe(index);
    byId("now-time").textContent = cursor.clock(place);
    byId("now-scene").textContent = recorded === null ? "" : scenesAt(recorded).map((scene) => scene.name).join(", ");
    byId("now-about").textContent = told === null ? "This part of the film was not shown while the audience was recorded." : told.about;
    for (const row of now.querySelectorAll("[data-emotion]")) {
      const mean = index === null ? null : value(data.mean[row.dataset.emotion], index);
      row.querySelector("i").style.width = (mean || 0) + "%";
      row.querySelector("b").textContent = mean === null ? "–" : whole(mean) + " %";
    }
    byId("now-top").replaceChildren(...(told ? told.ranked.slice(0, 2) : []).map(([emotion, mean]) => {
      const part = document.createElement("span"), key = document.createElement("i");
      key.style.background = "var(--e-" + emotion + ")";
      part.append(key, emotion + " " + whole(mean) + " %");
      return part;
    }));
  };

  let player = null, head = null, recordedNow = null;
  const cursor = timeCursor({
    start: data.start,
    end: data.end,
    charts: [
      { element: stage, name: "Time cursor of the chart", say: spoken },
      ...fields.map((field, number) => ({
        element: field,
        name: "Time cursor of " + data.panels[number].title,
        say: (index) => describe(index).span + ", " + data.panels[number].title + " " + measured(number, index),
      })),
    ],
    choose: read,
    rest,
    seek: data.film ? (seconds) => player.seek(seconds) : null,
  });
  if (data.film) {
    head = cursor.line("playhead");
    player = filmPlayer(data.film, (recorded, place, runs) => {
      recordedNow = recorded;
      playing = recorded === null ? null : cursor.indexAt(recorded);
      head(recorded);
      if (!cursor.looking(runs ? 1500 : 0)) {
        rest();
        if (playing !== null) cursor.speak(playing);
        tellSaid(recorded);
      }
      tellNow(recorded, place);
    });
    const jump = (forward) => {
      const from = recordedNow === null ? cursor.begin : recordedNow;
      const ahead = data.marks.filter((mark) => (forward ? mark > from + 0.05 : mark < from - 0.05));
      if (ahead.length) player.seek(forward ? ahead[0] : ahead[ahead.length - 1]);
    };
    byId("next-mark").addEventListener("click", () => jump(true));
    byId("previous-mark").addEventListener("click", () => jump(false));
    for (const chart of [stage, ...fields]) {
      chart.addEventListener("keydown", (event) => {
        if (event.key === " " && event.target === chart) { event.preventDefault(); player.toggle(); }
      });
    }
  }

  for (const li of items) {
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-pressed", "true");
    button.append(...li.childNodes);
    li.append(button);
    li.classList.add("live");
    button.addEventListener("click", () => {
      const on = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(on));
      for (const part of document.querySelectorAll(`.plot [data-emotion="${li.dataset.emotion}"]`)) part.classList.toggle("off", !on);
    });
  }

  for (const link of document.querySelectorAll("a[data-seconds]")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      const seconds = Number(link.dataset.seconds);
      if (!link.closest(".pins")) byId("chart").scrollIntoView({ block: "nearest" });
      stage.focus({ preventScroll: true });
      if (player) player.seek(seconds); else cursor.show(cursor.indexAt(seconds));
      if (link.dataset.sentence) tellSaid(seconds);
    });
  }
  for (const hint of document.querySelectorAll(".hint")) hint.hidden = false;
})();
