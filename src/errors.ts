/** An error that says what can't be done, what the rule is, and what was there instead. */
export function refused(
  Kind: TypeErrorConstructor | RangeErrorConstructor,
  cannot: string,
  rule: string,
  value: unknown,
): Error {
  return new Kind(`Cannot ${cannot}: ${rule}: received ${show(value)}`);
}

/** `value` as an error message shows it: on one line, and never long. */
export function show(value: unknown): string {
  const text = typeof value === "string"
    ? JSON.stringify(value)
    : typeof value === "function"
    ? "a function"
    : typeof value === "bigint"
    ? `${value}n`
    : typeof value === "object" && value !== null
    ? value instanceof Promise ? "a promise" : Array.isArray(value) ? "an array" : "an object"
    : String(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
