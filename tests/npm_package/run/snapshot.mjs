// The store may come in by require and the snapshot by import, and the other way round.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import session from 'express-session';
import imported from 'express-lembro';
import * as importedSnapshot from 'express-lembro/snapshot';

const require = createRequire(import.meta.url);
const lembros = [imported, require('express-lembro')];
const snapshots = [importedSnapshot, require('express-lembro/snapshot')];
assert.notEqual(lembros[0], lembros[1], 'there would be nothing to test');
assert.notEqual(snapshots[0].loadSnapshot, snapshots[1].loadSnapshot);

const folder = mkdtempSync(join(tmpdir(), 'express-lembro-'));
const path = join(folder, 'sessions');
try {
  for (const lembro of lembros) {
    for (const { saveSnapshot } of snapshots) {
      const before = new (lembro(session))();
      for (const sid of ['new', 'returning', 'passport']) {
        const cookie = Object.assign(new session.Cookie(), { maxAge: 60_000 });
        const data = sid === 'passport' ? { passport: { user: 1 } } : { sid };
        await before.set(sid, { cookie, ...data });
      }
      await before.get('returning');
      const saved = await saveSnapshot(before, path);
      assert.deepEqual(saved, { sessions: 3, bytes: statSync(path).size });
      assert.equal(statSync(path).mode & 0o777, 0o600);
      assert.deepEqual(readdirSync(folder), ['sessions']);
      for (const other of lembros) {
        for (const { loadSnapshot } of snapshots) {
          const after = new (other(session))();
          const loaded = await loadSnapshot(after, path);
          assert.deepEqual(loaded, { sessions: 3, expired: 0, omitted: 0 });
          const { newcomers, returning, protected: guarded, bytes } = after.stats();
          assert.deepEqual([newcomers, returning, guarded], [1, 1, 1]);
          assert.equal(bytes, before.stats().bytes);
          assert.deepEqual({ ...await after.all() }, { ...await before.all() });
          const late = await after.get('new');
          await after.destroy('new');
          await after.set('new', late);
          assert.equal(await after.get('new'), undefined);
        }
      }
    }
  }
} finally {
  rmSync(folder, { recursive: true });
}
console.log('carried');
