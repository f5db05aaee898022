// @ts-ignore: sizeomatic ships no types; what the store uses of it is typed below.
import sizeomatic from "sizeomatic";

/** What the store uses of the `sizeomatic` module. */
interface Sizeomatic {
  /** The size of a value, in bytes: two for each character of a text. */
  getSize(value: unknown): number;
  /** A text such as `"4M"` in bytes, or `false` if it can't be read. */
  howManyBytes(text: string): number | false;
  /** A number of bytes as a text such as `"4.000M"`. */
  pretty(bytes: number): string;
}

export const { getSize, howManyBytes, pretty }: Sizeomatic = sizeomatic;
