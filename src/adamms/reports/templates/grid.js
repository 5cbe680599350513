// The grid of answers by keyboard: one cell is in the tab order, the arrow keys move it, Enter and Space open.
const grid = (() => {
  const table = document.getElementById("answer-grid");
  if (!table || !answers) return null;
  const rows = [...table.tBodies[0].rows];
  const button = (row, column) => rows[row].cells[column].firstElementChild;
  let current = [0, 0];
  for (const each of table.tBodies[0].querySelectorAll("button")) each.setAttribute("aria-haspopup", "dialog");

  function move(row, column, { focus }) {
    button(...current).tabIndex = -1;
    current = [row, column];
    button(row, column).tabIndex = 0;
    if (focus) {
      button(row, column).focus();
      button(row, column).scrollIntoView({ block: "nearest", inline: "nearest" });
    }
  }

  // The visible row `by` rows further on; the last one there is where there are not so many, or null.
  function beside(row, by) {
    let found = null;
    for (let at = row + Math.sign(by), left = Math.abs(by); rows[at] && left; at += Math.sign(by)) {
      if (!rows[at].hidden) [found, left] = [at, left - 1];
    }
    return found;
  }

  const steps = { ArrowUp: -1, ArrowDown: 1, PageUp: -10, PageDown: 10 };
  table.addEventListener("keydown", (event) => {
    const [row, column] = current;
    const last = rows[row].cells.length - 1;
    let to = null;
    if (event.key in steps) to = [beside(row, steps[event.key]) ?? row, column];
    if (event.key === "ArrowLeft") to = [row, Math.max(column - 1, 0)];
    if (event.key === "ArrowRight") to = [row, Math.min(column + 1, last)];
    if (event.key === "Home") to = [event.ctrlKey ? beside(-1, 1) ?? row : row, 0];
    if (event.key === "End") to = [event.ctrlKey ? beside(rows.length, -1) ?? row : row, last];
    if (!to) return;
    event.preventDefault();
    move(...to, { focus: true });
  });

  table.tBodies[0].addEventListener("click", (event) => {
    const cell = event.target.closest("td, th");
    if (!cell) return;
    const row = rows.indexOf(cell.parentElement), column = cell.cellIndex;
    move(row, column, { focus: false });
    answers.open(row, column === 0 ? null : column - 1, {
      beside,
      closed: (last) => move(last, column, { focus: true }),
    });
  });

  return {
    // After rows were hidden: the cell in the tab order must be one that is seen.
    settle() {
      if (rows[current[0]].hidden) {
        const first = beside(-1, 1);
        if (first !== null) move(first, current[1], { focus: false });
      }
    },
  };
})();
