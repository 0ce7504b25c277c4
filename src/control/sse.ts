/** The data of each server-sent event of an answer that is read as text, in order; ends with the answer. */
export async function* readServerSentEvents(answer: AsyncIterable<string>): AsyncGenerator<string> {
  let text = "";
  for await (const chunk of answer) {
    text += chunk;
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const lines = text.slice(0, end).split("\n");
      text = text.slice(end + 2);
      const data = lines.filter((line) => line.startsWith("data: ")).map((line) => line.slice("data: ".length));
      if (data.length > 0) yield data.join("\n");
    }
  }
}
