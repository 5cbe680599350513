"use strict";
// Which words of a text are not in another one: a longest common subsequence over words, the rest marked. What is
// missing is shown where it was, as a style's content: the text itself stays exactly what was said.
const words = (() => {
  const CELLS = 1_000_000; // Of the table of two texts' middles; beyond it, they count as different altogether.
  const pieces = (text) => text.match(/\s+|[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]/gu) ?? [];

  // For every piece of `to` whether it is in `from`, and what of `from` was left out before it.
  function compared(from, to) {
    let start = 0, end = 0;
    while (start < from.length && start < to.length && from[start] === to[start]) start++;
    while (end < from.length - start && end < to.length - start
      && from[from.length - 1 - end] === to[to.length - 1 - end]) end++;
    const old = from.slice(start, from.length - end), now = to.slice(start, to.length - end);
    const same = new Array(to.length).fill(true), gone = new Array(to.length + 1).fill("");
    if (old.length * now.length > CELLS) {
      now.forEach((_, at) => { same[start + at] = false; });
      gone[start] = old.join("");
      return { same, gone };
    }
    const width = now.length + 1, table = new Uint32Array((old.length + 1) * width);
    for (let i = old.length - 1; i >= 0; i--) {
      for (let j = now.length - 1; j >= 0; j--) {
        table[i * width + j] = old[i] === now[j] ? table[(i + 1) * width + j + 1] + 1
          : Math.max(table[(i + 1) * width + j], table[i * width + j + 1]);
      }
    }
    for (let i = 0, j = 0; i < old.length || j < now.length;) {
      if (i < old.length && j < now.length && old[i] === now[j]) { i++; j++; }
      else if (j < now.length && (i === old.length || table[i * width + j + 1] > table[(i + 1) * width + j])) {
        same[start + j++] = false;
      } else gone[start + j] += old[i++];
    }
    return { same, gone };
  }

  return {
    long: (text) => text.trim().split(/\s+/).length > 3,
    // The text as nodes, marked where it differs from `other`.
    marked(text, other) {
      const now = pieces(text), { same, gone } = compared(pieces(other), now);
      const nodes = [];
      let open = null;
      for (let at = 0; at <= now.length; at++) {
        if (gone[at].trim()) {
          const lost = document.createElement("span");
          lost.className = "gone";
          lost.dataset.words = gone[at].trim();
          nodes.push(lost);
          open = null;
        }
        if (at === now.length) break;
        const kind = same[at] || !now[at].trim() ? "" : "mark";
        if (!open || open.kind !== kind) {
          open = { kind, node: kind ? document.createElement(kind) : document.createTextNode("") };
          nodes.push(open.node);
        }
        open.node.textContent += now[at];
      }
      return nodes;
    },
  };
})();
