/* The film beside the timeline: recorded seconds to the film's and back, and the player.

   film: { name, seconds, stretches: [[recorded from, to, film from, to] …] } in order of recorded time.
   moved(recorded, place, runs): the film is at a place; recorded is null where the audience was not shown it. */
const filmPlayer = (film, moved) => {
  const byId = (id) => document.getElementById(id);
  const video = byId("film"), missing = byId("film-missing"), note = byId("film-note"), pick = byId("film-file");
  const stretches = film.stretches;
  let current = 0, waiting = null, held = null, picked = null;

  /* Where the film was at a recorded second; while it stood still, where it stood. */
  const filmAt = (recorded) => {
    let found = stretches[0];
    for (const [index, part] of stretches.entries()) {
      if (part[0] > recorded) break;
      found = part;
      current = index;
    }
    const [from, to, start, end] = found;
    const share = Math.min(1, Math.max(0, (recorded - from) / (to - from)));
    return start + share * (end - start);
  };
  /* When a second of the film was shown: in the stretch at hand, or the next one that follows on, or the first time. */
  const recordedAt = (place) => {
    const inside = (part) => part && place >= part[2] - 1e-3 && place <= part[3] + 1e-3;
    const order = [current, current + 1, ...stretches.keys()];
    const index = order.find((number) => inside(stretches[number]));
    if (index === undefined) return null;
    current = index;
    const [from, to, start, end] = stretches[index];
    return from + Math.min(1, Math.max(0, (place - start) / (end - start))) * (to - from);
  };

  const follow = () => {
    if (waiting !== null || video.seeking || video.readyState === 0) return;
    const place = video.currentTime;
    /* While the film stood still, many recorded seconds have one place: the one that was asked for stays. */
    if (held !== null && Math.abs(place - held.place) > 0.02) held = null;
    moved(held !== null ? held.recorded : recordedAt(place), place, !video.paused);
  };
  const seek = (recorded) => {
    const place = filmAt(recorded);
    held = { recorded, place };
    moved(recorded, place, false);
    if (video.readyState === 0 || video.seeking) waiting = place;
    else video.currentTime = place;
  };
  const arrived = () => {
    if (waiting === null) { follow(); return; }
    const place = waiting;
    waiting = null;
    video.currentTime = place;
  };
  const tick = () => {
    follow();
    video.requestVideoFrameCallback(tick);
  };

  const lost = () => {
    missing.hidden = false;
    video.hidden = true;
    note.textContent = picked
      ? "This browser cannot play " + picked + ". A copy as MP4 (H.264) or WebM plays in most."
      : "The film is not where this page looks for it, or this browser cannot play it. The timeline works without it.";
  };
  const ready = () => {
    missing.hidden = true;
    video.hidden = false;
    const odd = picked && film.seconds !== null && Math.abs(video.duration - film.seconds) > 2;
    byId("film-odd").hidden = !odd;
    if (waiting !== null) arrived();
    else if (!picked) video.currentTime = filmAt(stretches[0][0]);
    else follow();
  };
  video.addEventListener("error", lost);
  video.addEventListener("loadedmetadata", ready);
  video.addEventListener("seeked", arrived);
  video.addEventListener("timeupdate", follow);
  if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(tick);
  pick.addEventListener("change", () => {
    if (!pick.files.length) return;
    if (video.src.startsWith("blob:")) URL.revokeObjectURL(video.src);
    picked = pick.files[0].name;
    video.src = URL.createObjectURL(pick.files[0]);
  });
  byId("film-pick").hidden = false;
  if (video.error || video.networkState === HTMLMediaElement.NETWORK_NO_SOURCE) lost();
  else if (video.readyState > 0) ready();
  return {
    seek,
    toggle: () => { if (video.paused) video.play(); else video.pause(); },
  };
};
