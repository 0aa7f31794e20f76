(() => {
  const all = JSON.parse(document.getElementById("data").textContent);
  const cursors = [];
  for (const section of document.querySelectorAll("[data-comparison]")) {
    const data = all[Number(section.dataset.comparison)];
    const time = section.querySelector(".readout-time"), about = section.querySelector(".readout-about");
    const resting = [time.textContent, about.textContent];
    const value = (name, index) => (data[name].length ? data[name][index] : null);
    const figure = (number) => number.toFixed(1).replace("-", "−");
    const signed = (number) => (number > 0 ? "+" : "") + figure(number);
    const unit = data.unit ? " " + data.unit : "";
    const span = (index) => (data.each > 1 ? cursor.clock(data.start[index]) + "–" + cursor.clock(data.end[index]) : cursor.exactly(data.start[index]));
    const band = (low, high, index) => (value(low, index) === null ? "" : figure(value(low, index)) + " to " + figure(value(high, index)));
    const told = (index) => {
      if (value("difference", index) === null) return "not told: too little was read, by too few people, or in one version only";
      const bands = [["of all steps", band("family_low", "family_high", index)], ["of the step", band("low", "high", index)]];
      return [
        data.a + " " + figure(value("mean_a", index)) + ", " + data.b + " " + figure(value("mean_b", index)),
        "difference " + signed(value("difference", index)) + unit,
        ...bands.filter(([, words]) => words).map(([name, words]) => "band " + name + " " + words),
        (value("sessions_a", index) || 0) + " and " + (value("sessions_b", index) || 0) + " sessions",
      ].join(" · ");
    };
    const say = (index) => span(index) + ", " + told(index);
    const fields = [...section.querySelectorAll(".field.means, .field.between")];
    const cursor = timeCursor({
      start: data.start,
      end: data.end,
      charts: fields.map((element, number) => ({ element, name: "Time cursor of " + (number ? "the difference in " : "the means of ") + data.series, say })),
      choose: (index) => { time.textContent = span(index); about.textContent = told(index); },
      rest: () => { [time.textContent, about.textContent] = resting; },
      seek: null,
    });
    for (const link of section.querySelectorAll("a[data-seconds]")) {
      link.addEventListener("click", (event) => {
        event.preventDefault();
        fields[1].scrollIntoView({ block: "center" });
        fields[1].focus({ preventScroll: true });
        cursor.show(cursor.indexAt(Number(link.dataset.seconds)));
      });
    }
    cursors.push(cursor);
  }
  for (const hint of document.querySelectorAll(".hint")) hint.hidden = false;
})();
