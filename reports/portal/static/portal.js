// What a page does beyond links and forms; without this script all works, with a reload.
// A filter form reloads by itself. A batch says how many are chosen, and all of a group are chosen at once. J and K lead
// to the next and the one before, unless someone is typing.
for (const form of document.querySelectorAll("form[data-live]")) {
  form.addEventListener("change", () => form.requestSubmit());
}
for (const form of document.querySelectorAll("form[data-batch]")) {
  const boxes = form.querySelectorAll("input[name=finding]");
  const shown = form.querySelector("[data-chosen]");
  const count = () => { shown.textContent = [...boxes].filter(box => box.checked).length; };
  form.addEventListener("change", event => {
    const group = event.target.dataset.group;
    if (group) for (const box of boxes) if (box.dataset.of === group) box.checked = event.target.checked;
    count();
  });
  for (const all of form.querySelectorAll("[data-group]")) all.closest("label").hidden = false;
  count();
}
// A form that was sent is not sent again by a second click; what it sent goes out first.
document.addEventListener("submit", event => {
  if (event.defaultPrevented || event.target.method !== "post") return;
  const buttons = [...event.target.querySelectorAll("button")];
  setTimeout(() => { for (const button of buttons) button.disabled = true; });
  setTimeout(() => { for (const button of buttons) button.disabled = false; }, 5000);
});
addEventListener("pageshow", () => { for (const button of document.querySelectorAll("form button")) button.disabled = false; });
document.querySelector(".sheet [data-target]")?.scrollIntoView({block: "nearest", inline: "center"});
document.addEventListener("keydown", event => {
  if (event.target.closest("input, textarea, select") || event.ctrlKey || event.metaKey || event.altKey) return;
  const link = {j: "next", k: "prev"}[event.key.toLowerCase()];
  const there = link && document.querySelector(`a[rel=${link}]`);
  if (there) there.click();
});
// A check is shown beside the form, so that the files chosen need not be chosen again to be sent.
for (const form of document.querySelectorAll("form[data-check]")) {
  form.addEventListener("submit", async event => {
    if (event.submitter?.hasAttribute("formaction")) return;
    event.preventDefault();
    const busy = form.querySelector("[data-busy]"), place = document.getElementById("checked");
    busy.hidden = false;
    place.replaceChildren();
    try {
      const answer = await fetch(form.action, {method: "POST", body: new FormData(form)});
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      place.replaceChildren(page.getElementById("result") ?? page.querySelector("[role=alert]") ?? "");
    } catch {
      place.replaceChildren(form.dataset.lost);
    } finally {
      busy.hidden = true;
    }
  });
}
