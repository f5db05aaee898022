// An app may require the package and import what transfers the sessions, or the other way round.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import session from 'express-session';
import imported from 'express-lembro';
import * as importedTransfer from 'express-lembro/transfer';

const require = createRequire(import.meta.url);
const required = require('express-lembro');
const requiredTransfer = require('express-lembro/transfer');
assert.notEqual(imported, required, 'there would be nothing to test');

let times = 0;
for (const { transferSessions } of [importedTransfer, requiredTransfer]) {
  for (const [old, young] of [[imported, required], [required, imported]]) {
    const from = new (old(session))({ ttl: 60_000 });
    const to = new (young(session))();
    await from.set('a', { cookie: new session.Cookie(), name: 'Ada' });
    const before = from.stats();
    assert.deepEqual(await transferSessions(from, to), { transferred: 1, expired: 0, failed: [] });
    assert.deepEqual(from.stats(), before, 'nothing counts as asked for');
    assert.equal((await to.get('a')).name, 'Ada');
    await assert.rejects(transferSessions(from, to, { batch: 1 }), TypeError);
    times++;
  }
}
console.log(`${times} times`);
