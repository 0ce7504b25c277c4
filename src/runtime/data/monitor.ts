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
/** Of a member whose server did not answer in time; twice as long each time, since more questions would not make it faster. */
const LONGEST_MS = 2_000;
/** A member that does not answer for so long is left out, and its connection after so long given up. */
export const SILENT_MS = 1_000;
const DEAD_MS = 5_000;

const HISTORY = ownStatement("select timeline, until::text from ninefold.timeline_history()", "", "unknown");

/** What a {@link Watch} tells. */
export interface WatchHost {
  /** `history` comes with the state of a primary on a timeline that was not known before. */
  told(state: MemberState, history: readonly Switch[] | undefined): void;
  /** It does not answer, or not yet; `gone` when its server has ended the connection, or refuses one. */
  silent(error: Error, gone: boolean): void;
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
  /** Answers in a row that did not come. */
  #missed = 0;

  constructor(address: DatabaseAddress, link: Omit<LinkOptions, "address">, host: WatchHost) {
    this.#options = { ...link, address, connectTimeoutMs: DEAD_MS };
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
      const began = performance.now();
      const late = setTimeout(() => this.#silent(new Error(`no answer within ${SILENT_MS} ms`), false), SILENT_MS);
      try {
        await this.#look();
        this.#missed = 0;
      } catch (error) {
        const gone = performance.now() - began < SILENT_MS;
        this.#missed = gone ? 0 : this.#missed + 1;
        this.#link?.destroy(error as Error);
        this.#link = undefined;
        this.#silent(error as Error, gone);
      } finally {
        clearTimeout(late);
      }
      if (!this.#closed) await this.#pause();
    }
  }

  #silent(error: Error, gone: boolean): void {
    if (!this.#closed) this.#host.silent(error, gone);
  }

  async #look(): Promise<void> {
    this.#link ??= await Link.open(this.#options, () => {
      this.#link = undefined;
      this.#wake?.(); // it may have ended with its server
    });
    const link = this.#link;
    const timer = setTimeout(() => link.destroy(new Error(`no answer within ${DEAD_MS} ms`)), DEAD_MS);
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
    const patiently = Math.min(USUALLY_MS * 2 ** this.#missed, LONGEST_MS);
    const ms = (this.#urgent && this.#missed === 0 ? urgently : patiently) * (0.9 + 0.2 * Math.random());
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
