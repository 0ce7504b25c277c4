import type { DatabaseAddress } from "../../topology/endpoints.ts";
import { parseLsn } from "../session/index.ts";
import { callOf, LinkLost, rowsOf } from "./exchange.ts";
import { Link, type LinkOptions } from "./link.ts";
import { type MemberState, memberState, STATE, type Switch } from "./members.ts";
import { ownStatement, type Statement } from "./statement.ts";

const USUALLY_MS = 250;
/** While there is no primary; and of a member that gives no connection, since each try costs it a process. */
const URGENTLY_MS = 50;
const AGAIN_MS = 150;
/** A member that does not answer for so long is left out. */
export const SILENT_MS = 1_000;

const HISTORY = ownStatement("select timeline, until::text from ninefold.timeline_history()", "", "unknown");

/** What a {@link Watch} tells. */
export interface WatchHost {
  /** `history` comes with the state of a primary on a timeline that was not known before. */
  told(state: MemberState, history: readonly Switch[] | undefined): void;
  silent(error: Error): void;
  /** Whether the history of a primary on this timeline is wanted. */
  wantsHistory(timeline: number): boolean;
}

/** Asks one member again and again what it is, on a connection of its own. */
export class Watch {
  readonly #options: LinkOptions;
  readonly #host: WatchHost;
  #link: Link | undefined;
  #urgent = false;
  #wake: (() => void) | undefined;
  #closed = false;

  constructor(address: DatabaseAddress, link: Omit<LinkOptions, "address">, host: WatchHost) {
    this.#options = { ...link, address, connectTimeoutMs: SILENT_MS };
    this.#host = host;
    void this.#run();
  }

  /** Asks at once, and often from now on, or no longer so often. */
  hurry(urgent: boolean): void {
    if (urgent && !this.#urgent) this.#wake?.();
    this.#urgent = urgent;
  }

  close(): void {
    this.#closed = true;
    this.#wake?.();
    this.#link?.destroy(new Error("no longer watched"));
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      try {
        await this.#look();
      } catch (error) {
        this.#link?.destroy(error as Error);
        this.#link = undefined;
        if (!this.#closed) this.#host.silent(error as Error);
      }
      if (!this.#closed) await this.#pause();
    }
  }

  async #look(): Promise<void> {
    this.#link ??= await Link.open(this.#options, () => {
      this.#link = undefined;
      this.#wake?.(); // it may have ended with its server
    });
    const link = this.#link;
    const late = new Error(`the server did not answer within ${SILENT_MS} ms`);
    const timer = setTimeout(() => link.destroy(late), SILENT_MS);
    try {
      const [row] = await ask(link, STATE);
      const state = memberState(row);
      const wanted = !state.inRecovery && state.timeline !== undefined && this.#host.wantsHistory(state.timeline);
      const history = wanted ? (await ask(link, HISTORY)).map(switchOf) : undefined;
      if (!this.#closed) this.#host.told(state, history);
    } finally {
      clearTimeout(timer);
    }
  }

  #pause(): Promise<void> {
    const urgently = this.#link === undefined ? AGAIN_MS : URGENTLY_MS;
    const ms = (this.#urgent ? urgently : USUALLY_MS) * (0.9 + 0.2 * Math.random());
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
      const timer = setTimeout(done, ms);
      timer.unref();
      this.#wake = done;
    });
  }
}

function switchOf(row: unknown): Switch {
  const { timeline, until } = row as { timeline: number; until: string };
  return { timeline, until: parseLsn(until) };
}

function ask(link: Link, statement: Statement): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    const call = callOf(statement);
    link.send({
      calls: [call],
      mayWait: false,
      sent: false,
      end(error) {
        if (error === undefined) resolve(rowsOf(call));
        else reject(error instanceof LinkLost ? (error.cause ?? error) : error);
      },
    });
    link.flush();
  });
}
