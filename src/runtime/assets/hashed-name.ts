const VITE = /[-.]([A-Za-z0-9_-]{8})\.[A-Za-z0-9]+(?:\.map)?$/;
const HEX = /[-.]([0-9a-f]{8,64})\.[A-Za-z0-9]+(?:\.map)?$/;

/**
 * Whether a file's name carries a hash of its content, as bundlers write it (`app-8f3a1b2c.js`, `main.D4k_x9Qz.css`), so that it
 * may be cached for good. A wrong yes would freeze a file in browsers for a year, so words and dates (`user-overview.js`,
 * `logo-version2.png`, `report-20240131.pdf`) must not pass; a wrong no only costs a conditional request.
 */
export function carriesHash(name: string): boolean {
  const hex = HEX.exec(name)?.[1];
  if (hex !== undefined && /[0-9]/.test(hex) && /[a-f]/.test(hex)) return true;
  const hash = VITE.exec(name)?.[1];
  if (hash === undefined || /^[A-Za-z][a-z_-]*[0-9_-]*$/.test(hash) || /^[0-9_-]+[a-z]*$/.test(hash)) return false;
  return (/[0-9]/.test(hash) && /[A-Za-z]/.test(hash)) || caseChanges(hash) >= 4;
}

/** Whether a name could carry a hash. Used where a wrong yes costs nothing: to look into other releases. */
export function mayCarryHash(name: string): boolean {
  return VITE.test(name) || HEX.test(name);
}

function caseChanges(text: string): number {
  let changes = 0;
  for (let i = 1; i < text.length; i++) if (isUpper(text[i]) !== isUpper(text[i - 1])) changes += 1;
  return changes;
}

function isUpper(letter: string | undefined): boolean {
  return letter !== undefined && letter >= "A" && letter <= "Z";
}
