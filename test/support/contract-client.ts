import { readSpecification } from "../../examples/conduit/contract/specification.ts";
import { walkContract } from "../../examples/conduit/contract/walk.ts";

/** Walks through the RealWorld specification again and again, until it is asked to finish the last round. */
export function contractClient(url: string): Disposable & { finish(): Promise<void> } {
  const specification = readSpecification();
  let over = false;
  const walking = (async () => {
    do await walkContract(url, specification);
    while (!over);
  })();
  walking.catch(() => undefined); // told by `finish`
  return {
    finish: () => {
      over = true;
      return walking;
    },
    [Symbol.dispose]: () => {
      over = true;
    },
  };
}
