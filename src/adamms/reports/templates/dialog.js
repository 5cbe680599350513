// What a cell of the grid opens: image, prompt and every answer to one input. All texts are untrusted: they
// are only ever set as text, never as markup.
const answers = (() => {
  const dialog = document.getElementById("answer-dialog");
  if (!dialog) return null;
  const data = JSON.parse(document.getElementById("answer-data").textContent);
  const part = (selector) => dialog.querySelector(selector);
  const title = document.getElementById("dialog-title");
  const [previous, next] = dialog.querySelectorAll("[data-step]");
  const picker = part("[data-beside]");
  let shown = 0, column = null, reference = 0, neighbour = () => null, done = () => {};

  function element(tag, text, name) {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (name) made.className = name;
    return made;
  }

  function picture(number, index, total) {
    const { uri, name, about, kind } = data.pictures[number];
    const figure = element("figure");
    if (uri && kind) {
      const player = element(kind);
      player.controls = true;
      player.setAttribute("aria-label", name);
      player.src = uri;
      figure.append(player);
    } else if (uri) {
      const image = element("img");
      image.alt = total > 1 ? `Image ${index + 1} of ${total}: ${name}` : `Image: ${name}`;
      image.onload = () => image.classList.toggle("tiny", image.naturalWidth <= 96);
      image.src = uri;
      figure.append(image);
    }
    figure.append(element("figcaption", `${name}: ${about}`));
    return figure;
  }

  function named(index) {
    const { label, kind } = data.columns[index];
    return kind === "alpha" ? `α ${label}` : kind === "run" || kind === "parent" ? label : `${kind} ${label}`;
  }

  function answer(each, index, input, against) {
    const { label, kind, chosen, disqualified } = data.columns[index];
    const row = element("tr");
    row.classList.toggle("chosen", chosen);
    row.classList.toggle("out", Boolean(disqualified));
    row.classList.toggle("asked", index === column);
    const head = element("th", named(index));
    head.scope = "row";
    if (kind === "alpha") head.setAttribute("aria-label", `${kind} ${label}${chosen ? ", chosen" : ""}`);
    if (chosen && kind !== "run") head.append(element("small", "chosen"));
    if (disqualified) head.append(element("small", "disqualified"));
    const said = element("td");
    said.append(element("span", each.letter, `letter a${each.colour}`));
    const text = input.texts[each.text];
    const box = text ? element("div", text, "words") : element("i", "nothing");
    box.dir = "auto";
    if (text && against !== null && text !== against) box.replaceChildren(...words.marked(text, against));
    if (each.right !== null) {
      const mark = element("span", undefined, each.right ? "right" : "wrong");
      mark.append(element("span", each.right ? "right" : "wrong", "unseen"));
      said.append(mark);
    }
    said.append(box);
    if (each.cut) said.append(" ", element("i", "(cut at the length limit)"));
    const sure = each.confidence === null ? "–" : `${(100 * each.confidence).toFixed(1)}%`;
    row.append(head, said, element("td", sure, "n"));
    return row;
  }

  function fill() {
    const input = data.inputs[shown];
    title.textContent = `Input ${input.id}`;
    const total = input.pictures.length;
    part(".pictures").replaceChildren(...input.pictures.map((each, index) => picture(each, index, total)));
    part(".question").textContent = input.prompt || "The prompt is not there any more.";
    part(".truth").textContent = input.truth === null ? "" : `true answer: ${input.truth}`;
    // Only texts of some length are worth marking in, and only beside another that is no less so.
    const marking = input.texts.length > 1 && input.texts.some((text) => words.long(text));
    part(".beside").hidden = !marking;
    const against = marking && reference !== null ? input.texts[input.answers[reference].text] : null;
    part("tbody").replaceChildren(...input.answers.map((each, index) => answer(each, index, input, against)));
    part("table").classList.toggle("plain", input.answers.every((each) => each.confidence === null));
    previous.disabled = neighbour(shown, -1) === null;
    next.disabled = neighbour(shown, 1) === null;
    dialog.scrollTop = 0;
    reachable();
  }

  // Long texts scroll in a box of their own, which the keyboard must be able to reach.
  function reachable() {
    for (const box of dialog.querySelectorAll(".question, .words")) {
      if (box.scrollHeight > box.clientHeight + 1) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  }

  function choose(index) {
    reference = index;
    picker.value = String(index);
  }

  function step(by) {
    const to = neighbour(shown, by);
    if (to === null) return;
    shown = to;
    fill();
    // A button that has just become useless would swallow the focus.
    if (document.activeElement === document.body || document.activeElement.disabled) title.focus();
  }

  // The browser tells of a closed dialog only later, and gives the focus to the cell that opened it meanwhile:
  // a key pressed in between would go on from there. So the focus is set here, at once, and only once.
  function leave() {
    const back = done;
    done = () => {};
    dialog.close();
    back(shown);
  }

  picker.append(new Option("nothing", ""), ...data.columns.map((_, index) => new Option(named(index), index)));
  picker.addEventListener("change", () => {
    reference = picker.value === "" ? null : Number(picker.value);
    fill();
  });
  previous.addEventListener("click", () => step(-1));
  next.addEventListener("click", () => step(1));
  part("[data-close]").addEventListener("click", leave);
  dialog.addEventListener("click", (event) => { if (event.target === dialog) leave(); });
  dialog.addEventListener("cancel", (event) => { event.preventDefault(); leave(); });
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") step(-1);
    if (event.key === "ArrowRight") step(1);
  });
  dialog.addEventListener("close", leave); // Where the browser closed it without asking.

  return {
    data,
    // Show input `row` with candidate `at` (or null) marked; `beside(row, by)` is the next row to go to, or
    // null; `closed(row)` is called with the row last shown.
    open(row, at, { beside, closed }) {
      [shown, column, neighbour, done] = [row, at, beside, closed];
      if (reference !== null) choose(at ?? 0);
      fill();
      dialog.showModal();
      reachable();
    },
  };
})();
