/** V8 makes a piece of more characters hold on to what it was cut from. */
const MAX_PIECE_LENGTH = 12;

/**
 * Returns a copy of `text` that shares nothing with it: a piece of a body or of
 * a header would keep the whole of it in memory.
 */
export function flat(text: string): string {
  const pieces: string[] = [];
  for (let i = 0; i < text.length; i += MAX_PIECE_LENGTH) {
    pieces.push(text.slice(i, i + MAX_PIECE_LENGTH));
  }
  return pieces.join("");
}
