// Sessions over a crash, in every module system.
import session from "express-session";
import lembro from "express-lembro";
import {
  type Journal,
  type JournalOptions,
  type JournalStats,
  openJournal,
} from "express-lembro/journal";

const store = new (lembro(session))();

async function keep(path: string) {
  const options: JournalOptions = { interval: 500, secret: ["new", "old"] as const };
  const journal: Journal = await openJournal(store, path, options);
  const bare = new (lembro({ Store: class {} }))();
  const other = await openJournal(bare, new URL(`file:${path}.other`));
  await journal.flush();
  const { bytes, lag, lastSync, lastError }: JournalStats = journal.stats();
  await Promise.all([journal.close(), other.close()]);
  const numbers: number[] = [bytes, lag];
  return [...numbers, lastSync?.getTime(), lastError?.message];
}
// @ts-expect-error It has to be a store of this package.
openJournal(new session.MemoryStore(), "sessions");
// @ts-expect-error A path is needed.
openJournal(store);
// @ts-expect-error A secret is a string.
openJournal(store, "sessions", { secret: 1 });
// @ts-expect-error There is no such option.
openJournal(store, "sessions", { intervall: 1 });

export { keep };
