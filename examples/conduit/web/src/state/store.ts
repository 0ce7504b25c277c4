import { useLayoutEffect, useState } from "preact/hooks";

/** A value that several parts of the page watch. */
export interface Store<T> {
  get(): T;
  set(next: T): void;
  /** Gives the function that stops watching. */
  watch(changed: () => void): () => void;
}

export function createStore<T>(initial: T): Store<T> {
  let value = initial;
  const watchers = new Set<() => void>();
  return {
    get: () => value,
    set(next) {
      if (Object.is(next, value)) return;
      value = next;
      for (const changed of [...watchers]) changed();
    },
    watch(changed) {
      watchers.add(changed);
      return () => watchers.delete(changed);
    },
  };
}

export function useStore<T>(store: Store<T>): T {
  const [value, show] = useState(() => store.get());
  useLayoutEffect(() => {
    const update = () => show(() => store.get());
    update();
    return store.watch(update);
  }, [store]);
  return value;
}
