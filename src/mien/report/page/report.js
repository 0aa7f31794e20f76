"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const data = JSON.parse(byId("data").textContent);
  const stage = byId("stage"), cursor = byId("cursor");
  const time = byId("readout-time"), about = byId("readout-about");
  const begin = data.start[0], end = data.end[data.end.length - 1], last = data.start.length - 1;
  const items = [...document.querySelectorAll("#legend > li")];
  const resting = { time: time.textContent, about: about.textContent, values: items.map((li) => li.querySelector("b").textContent) };
  let at = -1;

  const clock = (seconds) => {
    const whole = Math.floor(seconds + 1e-6);
    return String(Math.floor(whole / 60)).padStart(2, "0") + ":" + String(whole % 60).padStart(2, "0");
  };
  const exactly = (seconds) => {
    const tenth = Math.floor((seconds + 1e-6) * 10) % 10;
    return clock(seconds) + (data.end[0] - data.start[0] < 1 ? "." + tenth : "");
  };
  const value = (table, emotion, index) => (table[emotion].length ? table[emotion][index] : null);
  const whole = (number) => (number > 0 && number < 0.5 ? "under 1" : String(Math.round(number)));

  const indexAt = (seconds) => {
    let low = 0, high = last;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (data.start[middle] <= seconds + 1e-6) low = middle; else high = middle - 1;
    }
    return low;
  };

  const describe = (index) => {
    const read = value(data.mean, items[0].dataset.emotion, index) !== null;
    const span = data.each > 1 ? clock(data.start[index]) + "–" + clock(data.end[index]) : exactly(data.start[index]);
    if (!read) return { span, about: data.states[data.state[index]], ranked: [] };
    const faces = data.readable[index] === data.present[index] ? String(data.present[index]) : data.readable[index] + " of " + data.present[index];
    const noun = data.present[index] === 1 ? " face read" : " faces read";
    const ranked = items.map((li) => [li.dataset.emotion, value(data.mean, li.dataset.emotion, index)]).sort((a, b) => b[1] - a[1]);
    return { span, about: "coverage " + data.coverage[index] + " %, " + faces + noun + (data.each > 1 ? ", mean of " + data.each + " steps" : ""), ranked };
  };

  const show = (index) => {
    at = Math.max(0, Math.min(last, index));
    const middle = (data.start[at] + data.end[at]) / 2;
    const told = describe(at);
    cursor.hidden = false;
    cursor.style.left = ((middle - begin) / (end - begin)) * 100 + "%";
    time.textContent = told.span;
    about.textContent = told.about;
    for (const li of items) {
      const emotion = li.dataset.emotion, mean = value(data.mean, emotion, at);
      const low = value(data.low, emotion, at), high = value(data.high, emotion, at);
      li.querySelector("b").textContent = mean === null ? "–" : whole(mean) + " %";
      li.querySelector("small").textContent = mean !== null && low !== null ? whole(low) + "–" + whole(high) : "";
    }
    stage.setAttribute("aria-valuenow", String(at));
    const spoken = told.ranked.slice(0, 3).map(([emotion, mean]) => emotion + " " + whole(mean) + " percent").join(", ");
    stage.setAttribute("aria-valuetext", told.span + (spoken ? ", " + spoken : "") + ", " + told.about);
  };

  const rest = () => {
    at = -1;
    cursor.hidden = true;
    time.textContent = resting.time;
    about.textContent = resting.about;
    items.forEach((li, i) => { li.querySelector("b").textContent = resting.values[i]; li.querySelector("small").textContent = ""; });
  };

  stage.tabIndex = 0;
  stage.setAttribute("role", "slider");
  stage.setAttribute("aria-label", "Time cursor of the chart");
  stage.setAttribute("aria-valuemin", "0");
  stage.setAttribute("aria-valuemax", String(last));
  stage.setAttribute("aria-valuenow", "0");
  stage.setAttribute("aria-valuetext", "no time chosen");
  stage.addEventListener("pointermove", (event) => {
    const box = stage.getBoundingClientRect();
    show(indexAt(begin + ((event.clientX - box.left) / box.width) * (end - begin)));
  });
  stage.addEventListener("pointerleave", () => { if (document.activeElement !== stage) rest(); });
  stage.addEventListener("blur", rest);
  stage.addEventListener("focus", () => { if (at < 0 && stage.matches(":focus-visible")) show(0); });
  stage.addEventListener("keydown", (event) => {
    if (event.target !== stage) return;
    const page = Math.max(1, Math.round(last / 10));
    const moves = { ArrowRight: at + 1, ArrowUp: at + 1, ArrowLeft: at - 1, ArrowDown: at - 1, PageUp: at + page, PageDown: at - page, Home: 0, End: last };
    if (event.key === "Escape") { rest(); return; }
    if (!(event.key in moves)) return;
    event.preventDefault();
    show(moves[event.key]);
  });

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
      byId("timeline").scrollIntoView({ block: "start" });
      stage.focus({ preventScroll: true });
      show(indexAt(Number(link.dataset.seconds)));
    });
  }
  for (const hint of document.querySelectorAll(".hint")) hint.hidden = false;
})();
