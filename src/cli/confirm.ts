import { createInterface } from "node:readline/promises";

/** Asks the person at the terminal, and gives the answer without blanks around it. */
export async function question(text: string): Promise<string> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await terminal.question(text)).trim();
  } finally {
    terminal.close();
  }
}
