// Buttons that copy what stands beside them, and boxes that say when there is more to the side.
for (const button of document.querySelectorAll("[data-copy]")) {
  const text = button.previousElementSibling;
  button.hidden = false;
  button.addEventListener("click", async () => {
    let copied = true;
    try {
      await navigator.clipboard.writeText(text.textContent);
    } catch {
      // Where a browser does not trust the page with the clipboard, the selection still may be copied.
      const range = document.createRange();
      range.selectNodeContents(text);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      copied = document.execCommand("copy");
    }
    button.textContent = copied ? "Copied" : "Selected";
    setTimeout(() => { button.textContent = "Copy"; }, 1600);
  });
}

for (const box of document.querySelectorAll(".scroll, .grid-box")) {
  const settle = () => {
    const left = box.scrollWidth - box.clientWidth - box.scrollLeft;
    box.classList.toggle("more", left > 2);
  };
  box.addEventListener("scroll", settle, { passive: true });
  new ResizeObserver(settle).observe(box);
  settle();
}
