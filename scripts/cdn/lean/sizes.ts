/**
 * In place of `src/sizes.ts`: what sizeomatic says of text, which is all that
 * the store asks it about.
 *
 * @module
 */

const UNITS = "KMG";

export function getSize(text: string): number {
  return text.length * 2;
}

export function howManyBytes(text: string): number | false {
  const [, digits, unit] = /^(\d+)([KMG]?)B?$/.exec(text.toUpperCase()) ?? [];
  return digits ? Number(digits) * 1024 ** (unit ? UNITS.indexOf(unit) + 1 : 0) : false;
}

export function pretty(bytes: number): string {
  let unit = -1;
  for (; bytes >= 1024 && unit < 2; unit++) bytes /= 1024;
  return unit < 0 ? `${bytes}B` : bytes.toFixed(3) + UNITS[unit];
}
