/** @throws when the step cannot be done there: the plan that asks for it is wrong */
export function need(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`this step needs ${what}`);
}
