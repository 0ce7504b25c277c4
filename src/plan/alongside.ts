import type { Plan } from "./plan.ts";
import type { StepName } from "./step.ts";

/** Steps that a code's release is made and looked at with. */
const RELEASE: readonly StepName[] = ["make-release", "inspect-release"];
/** Steps that end with a database that the service's roles may sign in to, where there was none. */
const DATABASE: readonly StepName[] = ["init-database", "start-database", "prepare-database"];

type Beside = { readonly [N in StepName]?: ReadonlySet<StepName> };

/** Steps that need no database. */
const WITHOUT_DATABASE: ReadonlySet<StepName> = new Set([...RELEASE, "publish-endpoints"]);

/** Steps, and those that may still be in hand when they begin: neither needs what the other makes. */
const BESIDE: Beside = { "init-database": WITHOUT_DATABASE };

/**
 * Where nothing has run before, the service may load its code while its database is made: until that is prepared, nobody can sign
 * in to it. An instance may then also load while the tables are made, and is not ready before it finds them. Later it may not: it
 * cannot tell tables that are about to change from those that it needs.
 */
const BESIDE_AT_FIRST: Beside = {
  ...BESIDE,
  "start-etcd": WITHOUT_DATABASE,
  "start-database": WITHOUT_DATABASE,
  "prepare-database": WITHOUT_DATABASE,
  "start-instance": new Set([...DATABASE, "migrate"]),
};

/**
 * Places of the steps that may be in hand together with the one at `index`, though not all between have ended.
 * @param ended places of steps that have ended before their turn; the one whose turn it is has not, until the journal says so
 */
export function alongside(
  { steps, from }: Pick<Plan, "steps" | "from">,
  index: number,
  ended: ReadonlySet<number>,
): readonly number[] {
  const beside = from.release === undefined ? BESIDE_AT_FIRST : BESIDE;
  const places: number[] = [];
  for (let place = index + 1; place < steps.length; place++) {
    const others = beside[steps[place]?.do.name ?? "migrate"];
    const may = steps
      .slice(index, place)
      .every((step, i) => others?.has(step.do.name) || (i > 0 && ended.has(index + i)));
    if (may) places.push(place);
  }
  return places;
}
