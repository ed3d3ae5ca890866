// Beginning, stopping and going on with a training on corrected data.
(() => {
  "use strict";
  const W = window.workbench;
  if (W.retrain) return;
  W.retrain = true;

  async function post(what, body, button) {
    button.disabled = true;
    const form = button.closest("form, li");
    form.querySelectorAll(".problem.sent").forEach((line) => line.remove());
    const headers = { "Content-Type": "application/json" };
    const answer = await fetch(`/retrain/${what}`, { method: "POST", headers, body: JSON.stringify(body) }).catch(() => null);
    if (answer && answer.ok) return W.again();
    const line = document.createElement("p");
    line.className = "problem sent";
    line.setAttribute("role", "alert");
    line.textContent = answer ? (await answer.json()).error : "The workbench does not answer.";
    form.append(line);
    button.disabled = false;
  }

  document.addEventListener("submit", (event) => {
    const form = event.target.closest("form[data-retrain]");
    if (!form) return;
    event.preventDefault();
    const { kind, name, copies, seeds, control } = form.elements;
    const body = { kind: kind.value, name: name.value.trim(), copies: copies.value, seeds: +seeds.value, control: control.checked };
    post("begin", body, form.querySelector("[type=submit]"));
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-retrain-stop], button[data-retrain-again]");
    if (!button || button.disabled) return;
    if (button.dataset.retrainStop) post("stop", { name: button.dataset.retrainStop }, button);
    else post("begin", { again: button.dataset.retrainAgain }, button);
  });
})();
