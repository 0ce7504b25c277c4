const list = document.querySelector("#notes");
const problem = document.querySelector("#problem");
const form = document.querySelector("#add");

async function show() {
  const response = await fetch("/api/notes");
  if (!response.ok) throw new Error(`the notes could not be read (${response.status})`);
  const items = (await response.json()).map((note) => {
    const item = document.createElement("li");
    item.textContent = note.words === null ? note.text : `${note.text} (${note.words} words)`;
    return item;
  });
  list.replaceChildren(...items);
}

async function attempt(action) {
  try {
    problem.textContent = "";
    await action();
  } catch (error) {
    problem.textContent = error.message;
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(async () => {
    const text = new FormData(form).get("text");
    const response = await fetch("/api/notes", { method: "POST", body: JSON.stringify({ text }) });
    if (!response.ok) throw new Error((await response.json()).error);
    form.reset();
    await show();
  });
});

attempt(show);
