// Each example gets a button that copies it. Without scripts the page is the same, without the buttons.
"use strict";
for (const example of document.querySelectorAll("pre")) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(example.firstChild.textContent);
      button.textContent = "Copied";
    } catch {
      // No clipboard without TLS, or without the reader's leave: the text is selected, ready to be copied by hand.
      getSelection().selectAllChildren(example.firstChild);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  example.append(button);
}
