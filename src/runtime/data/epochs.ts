import type { DatabaseAddress } from "../../topology/endpoints.ts";

/** Which endpoints named which address, by their number, and which are in use. */
export class Epochs {
  readonly #named = new WeakMap<DatabaseAddress, number>();
  #inUse = 0;
  /** Number of the endpoints that named where work goes. */
  current: number;

  constructor(first: DatabaseAddress, epoch: number) {
    this.current = epoch;
    this.#named.set(first, epoch);
  }

  /** Number of the endpoints that named an address; 0 if none did. */
  of(address: DatabaseAddress): number {
    return this.#named.get(address) ?? 0;
  }

  /** @param address as the connections know it from now on */
  move(address: DatabaseAddress, epoch: number): void {
    this.current = epoch;
    this.#named.set(address, epoch);
  }

  /**
   * The number of the endpoints under which all connections stand: nothing of an earlier address is in use any more, and
   * what was to be made ready is.
   */
  inUse(stand: boolean): number {
    if (stand) this.#inUse = this.current;
    return this.#inUse;
  }
}
