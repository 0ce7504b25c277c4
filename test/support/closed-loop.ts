import { Agent, get } from "node:http";

export interface Answer {
  /** 0 when the connection broke. */
  readonly status: number;
  readonly retryAfter: string | undefined;
  /** From sending to the whole answer. */
  readonly ms: number;
}

/** Clients with a connection each, which ask again as soon as they were answered; one that was refused waits a second, as `Retry-After` says. */
export async function closedLoop(
  port: number,
  path: string,
  { clients, forMs }: { clients: number; forMs: number },
): Promise<Answer[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const answers: Answer[] = [];
  const end = performance.now() + forMs;
  const client = async () => {
    while (performance.now() < end) {
      const answer = await ask(port, path, agent);
      answers.push(answer);
      if (answer.status !== 200) await new Promise((resolve) => setTimeout(resolve, 1_000));
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  agent.destroy();
  return answers;
}

function ask(port: number, path: string, agent: Agent): Promise<Answer> {
  const sent = performance.now();
  return new Promise((resolve) => {
    const settle = (status: number, retryAfter?: string) =>
      resolve({ status, retryAfter, ms: performance.now() - sent });
    get({ host: "127.0.0.1", port, path, agent }, (response) => {
      response.resume();
      response.on("end", () => settle(response.statusCode ?? 0, response.headers["retry-after"]));
      response.on("error", () => settle(0));
    }).on("error", () => settle(0));
  });
}
