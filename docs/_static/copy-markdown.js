/* Beside the link to a page's Markdown, a button that copies it; from a folder, where nothing may be fetched, the link alone. */
"use strict";

(() => {
  if (location.protocol === "file:" || !navigator.clipboard) return;
  const link = document.querySelector('.run-this-page a[type="text/markdown"]');
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy as Markdown";
  const said = document.createElement("span");
  said.setAttribute("role", "status");
  const read = async () => {
    const answer = await fetch(link.href);
    if (!answer.ok) throw new Error(`${link.href}: ${answer.status}`);
    return new Blob([await answer.text()], {type: "text/plain"});
  };
  button.addEventListener("click", async () => {
    said.textContent = "";
    try {
      // The promise goes to the clipboard at once: Safari lets nobody write who first waits for an answer.
      await navigator.clipboard.write([new ClipboardItem({"text/plain": read()})]);
      said.textContent = "Copied";
    } catch {
      said.textContent = "Not copied. The link opens it.";
    }
  });
  link.after(button, said);
})();
