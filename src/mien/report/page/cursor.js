"use strict";
/* One cursor over several charts that share a time axis, by pointer, touch and keyboard.

   start, end: seconds of each step.   charts: [{ element, name, say(index) }].
   choose(index, hovered): a step is looked at.   rest(): none is any more.   seek(seconds): one was asked for, or null. */
const timeCursor = ({ start, end, charts, choose, rest, seek }) => {
  const last = start.length - 1, begin = start[0], length = end[last] - begin;
  let at = -1, touched = 0;

  const clock = (seconds) => {
    const whole = Math.floor(seconds + 1e-6);
    return String(Math.floor(whole / 60)).padStart(2, "0") + ":" + String(whole % 60).padStart(2, "0");
  };
  const exactly = (seconds) => clock(seconds) + (end[0] - begin < 1 ? "." + (Math.floor((seconds + 1e-6) * 10) % 10) : "");
  const indexAt = (seconds) => {
    let low = 0, high = last;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (start[middle] <= seconds + 1e-4) low = middle; else high = middle - 1;
    }
    return low;
  };
  const within = (index) => Math.max(0, Math.min(last, index));
  const middle = (index) => (start[index] + end[index]) / 2;

  /* A line through all charts; place(null) hides it. */
  const line = (className) => {
    const lines = charts.map(({ element }) => {
      const mark = document.createElement("div");
      mark.className = className;
      mark.hidden = true;
      element.append(mark);
      return mark;
    });
    return (seconds) => {
      for (const mark of lines) {
        mark.hidden = seconds === null;
        if (seconds !== null) mark.style.left = Math.min(100, Math.max(0, ((seconds - begin) / length) * 100)) + "%";
      }
    };
  };
  const hover = line("cursor");

  const speak = (index) => {
    for (const { element, say } of charts) {
      element.setAttribute("aria-valuenow", String(index));
      element.setAttribute("aria-valuetext", say(index));
    }
  };
  const show = (index) => {
    at = within(index);
    touched = performance.now();
    hover(middle(at));
    speak(at);
    choose(at);
  };
  const leave = () => {
    at = -1;
    hover(null);
    rest();
  };

  for (const { element, name } of charts) {
    element.tabIndex = 0;
    element.setAttribute("role", "slider");
    element.setAttribute("aria-label", name);
    element.setAttribute("aria-valuemin", "0");
    element.setAttribute("aria-valuemax", String(last));
    element.setAttribute("aria-valuenow", "0");
    element.setAttribute("aria-valuetext", "no time chosen");
    const secondsAt = (event) => {
      const box = element.getBoundingClientRect();
      return begin + Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * length;
    };
    element.addEventListener("pointerdown", (event) => {
      if (!seek || event.button !== 0 || event.target.closest("a")) return;
      element.setPointerCapture(event.pointerId);
      const seconds = secondsAt(event);
      show(indexAt(seconds));
      seek(seconds);
    });
    element.addEventListener("pointermove", (event) => {
      const seconds = secondsAt(event);
      show(indexAt(seconds));
      if (seek && element.hasPointerCapture(event.pointerId)) seek(seconds);
    });
    element.addEventListener("pointerleave", () => { if (document.activeElement !== element || seek) leave(); });
    element.addEventListener("blur", leave);
    element.addEventListener("focus", () => { if (at < 0 && !seek && element.matches(":focus-visible")) show(0); });
    element.addEventListener("keydown", (event) => {
      if (event.target !== element) return;
      const from = seek ? Number(element.getAttribute("aria-valuenow")) : at;
      const page = Math.max(1, Math.round(last / 10));
      const moves = { ArrowRight: from + 1, ArrowUp: from + 1, ArrowLeft: from - 1, ArrowDown: from - 1, PageUp: from + page, PageDown: from - page, Home: 0, End: last };
      if (event.key === "Escape") { leave(); return; }
      if (!(event.key in moves)) return;
      event.preventDefault();
      if (seek) seek(start[within(moves[event.key])]); else show(moves[event.key]);
    });
  }
  /* Whether somebody looks at a step; while a film plays, a pointer that rests does not. */
  const looking = (patience) => {
    if (at >= 0 && patience && performance.now() - touched > patience) { at = -1; hover(null); }
    return at >= 0;
  };
  return { show, speak, line, indexAt, clock, exactly, begin, looking };
};
