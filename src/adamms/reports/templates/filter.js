// Search fields over long tables: rows without the words are hidden, and the rest are counted aloud.
for (const tools of document.querySelectorAll(".tools")) {
  const field = tools.querySelector("[data-filter]");
  const changing = tools.querySelector("[data-changing]");
  const count = tools.querySelector("[data-count]");
  const table = document.getElementById(field.dataset.filter);
  const rows = [...table.tBodies[0].rows];
  const isGrid = table.id === "answer-grid";
  let texts = null;

  function searched(row, index) {
    if (!isGrid || !answers) return row.textContent;
    const { id, prompt, truth, texts } = answers.data.inputs[index];
    return [id, prompt, truth ?? "", ...texts].join("\n");
  }

  function apply() {
    texts ??= rows.map((row, index) => searched(row, index).toLowerCase());
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let left = 0;
    rows.forEach((row, index) => {
      const wanted = words.every((word) => texts[index].includes(word))
        && !(changing?.checked && row.classList.contains("same"));
      row.hidden = !wanted;
      left += wanted;
    });
    count.textContent = left === rows.length ? "" : `${left} of ${rows.length} ${count.dataset.noun}`;
    if (isGrid && grid) grid.settle();
  }

  field.addEventListener("input", apply);
  changing?.addEventListener("change", apply);
  tools.hidden = false;
}
