/**
 * How many client addresses a crawler needs to push out a login form that
 * somebody has open, in a full store of 4 MB.
 *
 * @module
 */
import { FullStore, LIMIT } from "./full_store.ts";
import { OURS, peers } from "./peers.ts";

const ADDRESSES = [1, 10, 100, 1_000, 10_000, 100_000];
const SESSIONS = [1, 10, 100, 1_000, 10_000, 100_000];

/** How many sessions a crawler makes at most here. */
const MAX_SESSIONS = 1_000_000;

const number = (value: number) => value.toLocaleString("en-US");

/** `value` with two digits that count. */
const about = (value: number) => number(Number(value.toPrecision(2)));

/** Asks for every number of addresses and sessions, and returns the answers as a Markdown table. */
export async function addressTable(): Promise<string> {
  const rows: string[][] = [];
  for (const addresses of ADDRESSES) {
    const cells = [number(addresses)];
    for (const sessions of SESSIONS) {
      if (addresses * sessions > MAX_SESSIONS) {
        cells.push("–");
        continue;
      }
      const full = await FullStore.of(await peers[OURS]({ maxSize: LIMIT }));
      const lost = await full.crawlUntilLost(addresses * sessions, addresses);
      cells.push(lost === undefined ? "works" : `lost after about ${about(lost)}`);
    }
    rows.push(cells);
  }
  const heads = ["crawler's addresses", ...SESSIONS.map((count) => `${number(count)} each`)];
  return [heads, heads.map(() => "---:"), ...rows].map((row) => `| ${row.join(" | ")} |`)
    .join("\n");
}
