// A journal under Node's permissions, that is without /proc and, in newer versions, without a sync.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import lembro from 'express-lembro';
import { openJournal } from 'express-lembro/journal';
import { loadSnapshot, saveSnapshot } from 'express-lembro/snapshot';
import session from 'express-session';

assert(process.permission, 'run it with --permission');
const folder = mkdtempSync(join(tmpdir(), 'lembro-permission-'));
const Lembro = lembro(session);
for (let run = 0; run < 3; run++) {
  const store = new Lembro();
  store.on('error', (error) => console.log(error));
  const journal = await openJournal(store, join(folder, 'sessions.journal'));
  assert.equal(await store.length(), run);
  await store.set(`run ${run}`, { cookie: new session.Cookie() });
  await journal.flush();
  await saveSnapshot(store, join(folder, 'sessions.snapshot'));
  await journal.close();
}
const copy = new Lembro();
await loadSnapshot(copy, join(folder, 'sessions.snapshot'));
console.log(`${await copy.length()} runs`);
rmSync(folder, { recursive: true });
