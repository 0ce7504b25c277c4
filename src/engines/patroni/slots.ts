/** Name of a member's replication slot, as Patroni makes it: only lower case letters, digits and `_` may be in one. */
export function slotOf(member: string): string {
  return member.toLowerCase().replaceAll(/[-.]/g, "_");
}
