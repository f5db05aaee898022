// Which warnings a store brings about in the primary of a cluster and in a worker, and,
// if it is given a file to write them to, in whatever started it.
var cluster = require('node:cluster');
var fs = require('node:fs');
var lembro = require('express-lembro');
var session = require('express-session');

var codes = [];
process.on('warning', function (warning) {
  if (warning.code) codes.push(warning.code);
});
import('express-lembro').then(function (imported) {
  for (var factory of [lembro, imported.default]) {
    for (var n = 0; n < 2; n++) new (factory(session))().close();
  }
  setTimeout(function () {
    var file = process.env.TOLD;
    if (file) {
      fs.writeFileSync(file, JSON.stringify(codes));
      // A process manager ends it: it would start anew.
      setInterval(function () {}, 1000);
    } else if (cluster.isPrimary) {
      console.log('primary: ' + codes.join());
      cluster.fork();
    } else {
      console.log('worker: ' + codes.join());
      process.exit();
    }
  }, 100);
});
