// @ts-ignore: sizeomatic ships no types; what the store uses of it is typed below.
import sizeomatic from "sizeomatic";

/** What the store uses of the `sizeomatic` module. */
interface Sizeomatic {
  /** A text such as `"4M"` in bytes, or `false` if it can't be read. */
  howManyBytes(text: string): number | false;
  /** A number of bytes as a text such as `"4.000M"`. */
  pretty(bytes: number): string;
}

export const { howManyBytes, pretty }: Sizeomatic = sizeomatic;

/** Returns the size of a text in bytes, as `getSize` of sizeomatic does. */
export function sizeOfText(text: string): number {
  return 2 * text.length;
}
