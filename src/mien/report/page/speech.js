/* The transcript beside the timeline: which sentence was being said, or was said last.

   spans: [[from, to] …] of every sentence, recorded seconds, in order. Returns tell(seconds); null tells none. */
const transcript = (spans) => {
  const box = document.querySelector(".speech-box"), line = document.getElementById("said");
  const sentences = [...document.querySelectorAll("[data-sentence]")];
  const resting = line ? line.textContent : "";
  const lingers = 1.5;
  const edge = 56;
  let now = -1;

  /* Faded at its end while there is more below. */
  const tellMore = () => box.classList.toggle("more", box.scrollHeight - box.clientHeight - box.scrollTop > 2);
  box.addEventListener("scroll", tellMore, { passive: true });
  new ResizeObserver(tellMore).observe(box);

  const at = (seconds) => {
    let found = -1;
    for (const [index, [from]] of spans.entries()) {
      if (from > seconds + 1e-3) break;
      found = index;
    }
    return found >= 0 && seconds < spans[found][1] + lingers ? found : -1;
  };
  /* The box alone is scrolled, never the page; and not under the hand that scrolls or points in it. */
  const bring = (sentence) => {
    if (box.scrollHeight <= box.clientHeight || box.matches(":hover") || box.contains(document.activeElement)) return;
    const inside = sentence.getBoundingClientRect(), around = box.getBoundingClientRect();
    if (inside.top >= around.top && inside.bottom <= around.bottom - edge) return;
    box.scrollTop += inside.top - around.top - around.height / 3;
  };
  return (seconds) => {
    const index = seconds === null ? -1 : at(seconds);
    if (line) {
      line.classList.toggle("none", index < 0);
      line.textContent = index >= 0 ? sentences[index].textContent : seconds === null ? resting : "Nothing was said here.";
    }
    if (index === now) return;
    if (now >= 0) sentences[now].removeAttribute("aria-current");
    now = index;
    if (index < 0) return;
    sentences[index].setAttribute("aria-current", "true");
    bring(sentences[index]);
  };
};
