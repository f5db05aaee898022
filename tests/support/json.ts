/** Counts what the JSON object reads and writes while `work` runs. */
export async function jsonCalls(
  work: () => Promise<unknown>,
): Promise<{ parse: number; stringify: number }> {
  const { parse, stringify } = JSON;
  const counts = { parse: 0, stringify: 0 };
  const counted = <Call extends (...args: never[]) => unknown>(
    name: "parse" | "stringify",
    call: Call,
  ) =>
    ((...args: Parameters<Call>) => {
      counts[name]++;
      return call(...args);
    }) as Call;
  JSON.parse = counted("parse", parse);
  JSON.stringify = counted("stringify", stringify as never);
  try {
    await work();
  } finally {
    Object.assign(JSON, { parse, stringify });
  }
  return counts;
}
