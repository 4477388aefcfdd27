import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findPassword } from './passwords.js';

const question = { host: '10.0.0.1', port: '5432', database: 'postgres', user: 'repl user' };

test('the first fitting line of a password file wins, escapes are undone', () => {
  const file = '# comment\nother:5432:*:repl user:no\n10.0.0.1:*:*:repl user:a\\:b\\\\c\n*:*:*:*:last\n';
  assert.equal(findPassword(file, question), 'a:b\\c');
  assert.equal(findPassword(file, { ...question, user: 'x' }), 'last');
  assert.equal(findPassword('10.0.0.1:5433:*:*:x', question), undefined);
});

test('a socket directory is looked up as localhost', () => {
  assert.equal(findPassword('localhost:*:*:*:secret', { ...question, host: '/run/pg' }), 'secret');
});
