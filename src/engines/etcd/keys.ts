/** The first key after all that begin with `prefix` (etcd manual, "Key ranges"). */
export function keysAfter(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
}
