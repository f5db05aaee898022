// What users write to move their sessions, in every module system.
import session from "express-session";
import lembro from "express-lembro";
import { transferSessions } from "express-lembro/transfer";
import type {
  SourceStore,
  TargetStore,
  TransferOptions,
  TransferProgress,
  TransferResult,
} from "express-lembro/transfer";

const store = new (lembro(session))();
const other: session.Store = new session.MemoryStore();
const options: TransferOptions = {
  concurrency: 4,
  onProgress: ({ transferred, expired, failed, total }: TransferProgress) =>
    (transferred + expired + failed) / total,
};
const moved: Promise<TransferResult> = transferSessions(store, other, options);
transferSessions(other, store);
transferSessions(new session.MemoryStore(), store, { onProgress: async () => {} });
transferSessions(store, new (lembro(session))(), { concurrency: undefined });
moved.then(({ failed }) => failed.map(({ sid, error }) => `${sid.trim()}: ${String(error)}`));
const ends: [SourceStore, TargetStore] = [store, other];

// @ts-expect-error There is no such option.
transferSessions(store, other, { batch: 4 });
// @ts-expect-error A number.
transferSessions(store, other, { concurrency: "4" });
// @ts-expect-error Nothing to take sessions from.
transferSessions({ length: () => 4 }, other);
// @ts-expect-error Nothing to bring sessions to.
transferSessions(store, { get: other.get });
// @ts-expect-error There is no such number.
moved.then(({ sent }) => sent);
// @ts-expect-error The error may be anything.
moved.then(({ failed }) => failed[0].error.message);

export { ends };
