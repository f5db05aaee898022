/** V8 makes a piece of so many characters or more hold on to what it was cut from. */
const MIN_PIECE_LENGTH = 13;

/** Up to so many characters, a copy by their codes is the fastest; calls take only so many arguments. */
const MAX_CODES = 256;

/**
 * Returns a copy of `text` that shares nothing with it: a piece of a body or of
 * a header would keep the whole of it in memory.
 */
export function flat(text: string): string {
  const { length } = text;
  if (length < MIN_PIECE_LENGTH) return text;
  // JSON escapes what is half a character, so that this comes back as it is.
  if (length > MAX_CODES) return JSON.parse(JSON.stringify(text));
  const codes = new Array<number>(length);
  for (let i = 0; i < length; i++) codes[i] = text.charCodeAt(i);
  return String.fromCharCode(...codes);
}
