// An app and one of its dependencies may load the package in different ways.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import session from 'express-session';
import imported from 'express-lembro';

const required = createRequire(import.meta.url)('express-lembro');
const stores = [imported, required].map((lembro) => new (lembro(session))());
for (const store of stores) {
  assert.ok(store instanceof session.Store);
  await store.set('a', { cookie: new session.Cookie() });
  assert.deepEqual(await store.ids(), ['a']);
  await store.clear();
}
console.log('both');
