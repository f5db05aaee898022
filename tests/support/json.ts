/** How often the JSON object is asked while `work` runs. */
export async function jsonCalls(
  work: () => Promise<unknown>,
): Promise<{ parse: number; stringify: number }> {
  const { parse, stringify } = JSON;
  const calls = { parse: 0, stringify: 0 };
  JSON.parse = (...args) => (calls.parse++, parse(...args));
  JSON.stringify = (...args: unknown[]) => (calls.stringify++, stringify(...args as [unknown]));
  try {
    await work();
  } finally {
    Object.assign(JSON, { parse, stringify });
  }
  return calls;
}
