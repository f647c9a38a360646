"use strict";
const search = document.getElementById("search");
const found = document.getElementById("found");
const sections = [...document.querySelectorAll("section")].filter((s) => s.querySelector("article"));

function show() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const section of sections) {
    const chosen = [...section.querySelectorAll("select")].filter((s) => s.value);
    let here = 0;
    for (const article of section.querySelectorAll("article")) {
      const text = words.length ? article.textContent.toLowerCase() : "";
      const fits = chosen.every((s) => article.dataset[s.dataset.by] === s.value);
      article.hidden = !(fits && words.every((word) => text.includes(word)));
      here += !article.hidden;
    }
    const none = section.querySelector(".none");
    if (none) none.hidden = here > 0;
    count += here;
  }
  found.textContent = words.length ? `${count.toLocaleString("en")} found` : "";
}

function choose(section, by, value) {
  const select = section.querySelector(`select[data-by="${by}"]`);
  if (!select) return;
  const known = [...select.options].some((option) => option.value === value);
  select.value = known ? value : "";
}

search.addEventListener("input", show);
document.addEventListener("change", show);
document.addEventListener("keydown", (event) => {
  const typing = /^(INPUT|SELECT)$/.test(event.target.tagName);
  if (event.key === "/" && !typing) {
    event.preventDefault();
    search.focus();
  } else if (event.key === "Escape" && event.target === search) {
    search.value = "";
    show();
  }
});
document.addEventListener("click", (event) => {
  const link = event.target.closest("a.went");
  if (!link) return;
  const section = document.getElementById("examples");
  for (const by of ["stage", "source", "reason"]) choose(section, by, link.dataset[by] ?? "");
  search.value = "";
  show();
});

function reveal() {
  const id = decodeURIComponent(location.hash.slice(1));
  const article = document.getElementById(id);
  if (id && !article) found.textContent = `${id} is not shown here: ask dataengine.why`;
  if (!article?.hidden) return;
  for (const select of article.closest("section").querySelectorAll("select")) select.value = "";
  search.value = "";
  show();
  article.scrollIntoView();
}

window.addEventListener("hashchange", reveal);
reveal();

const save = document.getElementById("save");
const decided = new Map();

function decide(button) {
  const article = button.closest("article");
  const again = decided.get(article) === button.dataset.say;
  if (again) decided.delete(article);
  else decided.set(article, button.dataset.say);
  for (const other of article.querySelectorAll("[data-say]")) {
    other.setAttribute("aria-pressed", String(decided.get(article) === other.dataset.say));
  }
  save.disabled = decided.size === 0;
  save.textContent = decided.size ? `Save review.csv (${decided.size})` : "Save review.csv";
}

function review() {
  const quoted = (text) => `"${text.replaceAll('"', '""')}"`;
  const who = document.getElementById("who").value;
  const lines = [...decided].map(([article, said]) =>
    [article.dataset.row, article.dataset.item, said, who, ""].map(quoted).join(","));
  return ["row,item,decision,who,note", ...lines].join("\n") + "\n";
}

document.addEventListener("click", (event) => {
  if (event.target.dataset.say) decide(event.target);
  if (event.target !== save) return;
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([review()], { type: "text/csv" }));
  link.download = "review.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
});

const longer = document.getElementById("longer");

function measure() {
  for (const cell of document.querySelectorAll("#lengths .chosen")) {
    const line = cell.closest("tr").dataset;
    cell.hidden = !longer.value;
    const over = line.longer ? JSON.parse(line.longer)[longer.value] : 0;
    cell.textContent = line.rows
      ? `${((100 * over) / line.rows).toFixed(1)}%`
      : `> ${Number(longer.value).toLocaleString("en")}`;
  }
}

longer.addEventListener("change", measure);
