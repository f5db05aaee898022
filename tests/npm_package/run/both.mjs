// An app and one of its dependencies may load the package in different ways: one requires it, the
// other imports it, and both are mounted in one app on the same express-session.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import express from 'express';
import session from 'express-session';
import imported from 'express-lembro';

const required = createRequire(import.meta.url)('express-lembro');
assert.notEqual(imported, required, 'there would be nothing to test');

const app = express();
const stores = {};
for (const [name, lembro] of Object.entries({ imported, required })) {
  const store = stores[name] = new (lembro(session))();
  assert.ok(store instanceof session.Store);
  const sessions = session({
    name,
    store,
    secret: 'keyboard cat',
    resave: false,
    saveUninitialized: false,
  });
  app.get(`/${name}/slow`, sessions, async (req, res) => {
    await fetch(`${url}/${name}/logout`, { headers: { cookie: req.headers.cookie } });
    req.session.slow = true;
    res.end();
  });
  app.get(`/${name}/logout`, sessions, (req, res) => req.session.destroy(() => res.end()));
  app.get(`/${name}`, sessions, (req, res) => {
    req.session.visits = (req.session.visits ?? 0) + 1;
    res.send(`${name} ${req.session.visits}`);
  });
}

const server = app.listen(0, '127.0.0.1');
await once(server, 'listening');
const url = `http://127.0.0.1:${server.address().port}`;
let cookie = '';
for (const visit of [1, 2]) {
  for (const name of Object.keys(stores)) {
    const response = await fetch(`${url}/${name}`, { headers: { cookie } });
    assert.equal(await response.text(), `${name} ${visit}`);
    const set = response.headers.get('set-cookie');
    if (set) cookie += `${set.split(';')[0]}; `;
  }
}
for (const [name, store] of Object.entries(stores)) {
  assert.equal(store.stats().sessions, 1);
  await fetch(`${url}/${name}/slow`, { headers: { cookie } });
  assert.deepEqual(await store.ids(), [], 'a logout sticks, whatever loaded the store');
  assert.equal(store.stats().lateWrites, 1);
}
server.close();
server.closeAllConnections();

// What one of them gave out is plain data for the other.
await stores.imported.set('a', { cookie: new session.Cookie(), from: 'imported' });
const session1 = await stores.imported.get('a');
await stores.imported.destroy('a');
await stores.required.set('a', session1);
assert.equal((await stores.required.get('a')).from, 'imported');
await assert.rejects(
  stores.required.set('b', { cookie: {}, fill: 'x'.repeat(4_000_000) }),
  { name: 'RangeError', code: 'ERR_LEMBRO_SESSION_TOO_LARGE' },
);
console.log('both');
