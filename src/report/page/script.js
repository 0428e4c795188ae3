"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const slider = byId("slider");
  const sides = [...document.querySelectorAll("[data-now]")].map((place) => {
    const name = place.dataset.now;
    const tables = document.querySelectorAll(`[data-side="both"], [data-side="${name}"]`);
    const rows = [...tables].flatMap((table) => [...table.querySelectorAll("tr[data-step]")]);
    return { place, rows };
  });
  const isHidden = (row) => row.classList.contains("idle") && document.body.classList.contains("fold");

  // The row of a step or, if that is folded away, the one before.
  const rowAt = (rows, step) => {
    let at = Math.min(step, rows.length - 1);
    while (at > 0 && isHidden(rows[at])) at -= 1;
    return rows[at];
  };

  const show = (step, scrolls) => {
    const last = Number(slider.max);
    const at = Math.max(0, Math.min(last, step));
    slider.value = String(at);
    slider.setAttribute("aria-valuetext", `step ${at} of ${last}`);
    byId("at").value = String(at);
    for (const row of document.querySelectorAll("tr.now")) {
      row.classList.remove("now");
      row.removeAttribute("aria-current");
    }
    sides.forEach(({ place, rows }, index) => {
      const row = rowAt(rows, at);
      if (!row) return;
      row.classList.add("now");
      row.setAttribute("aria-current", "step");
      const label = row.querySelector("th").textContent;
      const thread = row.dataset.thread ? `${row.dataset.thread}: ` : "";
      place.querySelector(".deed").textContent = `${label} ${thread}${row.querySelector(".op").textContent}`;
      place.querySelector(".locks").textContent = row.querySelector(".lanes .vh").textContent;
      const folded = row.closest("details");
      if (folded && scrolls) folded.open = true;
      if (scrolls && index === 0) row.scrollIntoView({ block: "nearest" });
    });
    for (const link of document.querySelectorAll("a.step")) {
      link.parentElement.classList.toggle("later", Number(link.dataset.step) > at);
    }
  };

  // The next step in a direction that is not folded away on every side.
  const walk = (direction) => {
    let at = Number(slider.value) + direction;
    const isFolded = () => sides.every(({ rows }) => !rows[at] || isHidden(rows[at]));
    while (at > 0 && at < Number(slider.max) && isFolded()) at += direction;
    show(at, true);
  };

  const moves = {
    ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1,
  };
  slider.addEventListener("keydown", (event) => {
    if (event.key in moves && !event.altKey && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      walk(moves[event.key]);
    }
  });
  slider.addEventListener("input", () => show(Number(slider.value), true));
  byId("first").addEventListener("click", () => show(0, true));
  byId("back").addEventListener("click", () => walk(-1));
  byId("on").addEventListener("click", () => walk(1));
  byId("last").addEventListener("click", () => show(Number(slider.max), true));
  byId("parting")?.addEventListener("click", (event) => show(Number(event.target.dataset.step), true));
  byId("idle").addEventListener("change", (event) => {
    document.body.classList.toggle("fold", !event.target.checked);
    show(Number(slider.value), false);
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a.step");
    const row = event.target.closest(".steps tr[data-step]");
    if (link) event.preventDefault();
    if (link || (row && String(getSelection()) === "")) show(Number((link ?? row).dataset.step), Boolean(link));
  });

  for (const button of document.querySelectorAll(".copy")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const code = button.previousElementSibling;
      try {
        await navigator.clipboard.writeText(code.textContent);
        button.textContent = "Copied";
      } catch {
        // Where a page may not write to the clipboard, the text is at least selected.
        getSelection().selectAllChildren(code);
        button.textContent = "Selected";
      }
    });
  }
  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details")) details.open = true;
  });
  document.body.classList.add("fold", "live");
  byId("dock").hidden = false;
  show(Number(slider.value), false);
})();
