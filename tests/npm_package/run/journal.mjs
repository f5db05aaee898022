// The store may come in by require and the journal by import, and the other way round.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import session from 'express-session';
import imported from 'express-lembro';
import * as importedJournal from 'express-lembro/journal';

const require = createRequire(import.meta.url);
const lembros = [imported, require('express-lembro')];
const journals = [importedJournal, require('express-lembro/journal')];
assert.notEqual(journals[0].openJournal, journals[1].openJournal);

const folder = mkdtempSync(join(tmpdir(), 'express-lembro-'));
const path = join(folder, 'sessions');
let visits = 0;
try {
  for (const lembro of lembros) {
    for (const { openJournal } of journals) {
      const store = new (lembro(session))();
      const journal = await openJournal(store, path, { interval: 50, secret: 'of the test' });
      const kept = await store.get('a');
      assert.equal(kept?.visits, visits || undefined);
      await store.set('a', { ...kept, cookie: new session.Cookie(), visits: ++visits });
      await journal.flush();
      for (const other of journals) {
        const second = other.openJournal(new (lembro(session))(), path, { secret: 'of the test' });
        await assert.rejects(second, { code: 'ERR_LEMBRO_JOURNAL_IN_USE', pid: process.pid });
      }
      await journal.close();
      assert.equal(statSync(path).mode & 0o777, 0o600);
      store.close();
    }
  }
} finally {
  rmSync(folder, { recursive: true });
}
console.log(`${visits} visits`);
