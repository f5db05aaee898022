// What 1.x's README shows runs as it is.
var session = require('express-session');
var lembro = require('express-lembro')(session);
var store = new lembro({ interval: 360000, maxSize: '4M' }, function () {
  console.log('session store ready, captain.');
});

const assert = require('node:assert/strict');
const factory = require('express-lembro');

assert.equal(typeof factory, 'function');
assert.equal(factory.default, factory, 'for compilers that look for a default export');
assert.equal(factory.lembro, factory);
assert.ok(store instanceof session.Store);
assert.equal(require('express-lembro/package.json').name, 'express-lembro');

store.set('a', { cookie: new session.Cookie(), visits: 1 }, (error) => {
  assert.equal(error, null);
  store.get('a', (error, kept) => {
    assert.equal(error, null);
    assert.equal(kept.visits, 1);
    store.close(() => console.log('kept'));
  });
});
