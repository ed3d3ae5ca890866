// The confusion matrix in small: a click moves the part that is shown to where it is.
document.addEventListener("click", (event) => {
  const small = event.target.closest("[data-mini]");
  if (!small) return;
  const box = small.getBoundingClientRect();
  const [all, span] = [+small.dataset.mini, +small.dataset.span];
  const place = (at, length) => Math.min(Math.max(Math.round((at / length) * all - span / 2), 0), Math.max(all - span, 0));
  const [top, left] = [place(event.clientY - box.top, box.height), place(event.clientX - box.left, box.width)];
  window.workbench.change(`section=errors&corner=${top},${left}&near=`);
});
