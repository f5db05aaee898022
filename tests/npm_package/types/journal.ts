// Sessions over a crash, in every module system.
import session from "express-session";
import lembro from "express-lembro";
import { type Journal, type JournalOptions, openJournal } from "express-lembro/journal";

const store = new (lembro(session))();
const options: JournalOptions = { interval: 500, secret: ["new", "old"] };

async function start(path: string) {
  const journal: Journal = await openJournal(store, path, options);
  await openJournal(new (lembro({ Store: class {} }))(), new URL("file:///sessions"));
  await journal.flush();
  await journal.close();
  const { bytes, lag, lastSync, errors } = journal.stats();
  return [bytes, lag, lastSync?.getTime(), errors];
}
// @ts-expect-error It has to be a store of this package.
openJournal(new session.MemoryStore(), "sessions");
// @ts-expect-error A path is needed.
openJournal(store);
// @ts-expect-error A number.
openJournal(store, "sessions", { interval: "1s" });

export { start };
