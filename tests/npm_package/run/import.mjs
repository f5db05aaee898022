import assert from 'node:assert/strict';
import session from 'express-session';
import lembro, { lembro as named } from 'express-lembro';

assert.equal(named, lembro);
const Lembro = lembro(session);
const store = new Lembro({ maxSize: '1M' }, () => console.log('session store ready, captain.'));
assert.ok(store instanceof session.Store);
assert.equal(store.options.maxSize, 1024 * 1024);

await store.set('a', { cookie: new session.Cookie(), visits: 1 });
assert.equal((await store.get('a')).visits, 1);
await store.close();
console.log('kept');
