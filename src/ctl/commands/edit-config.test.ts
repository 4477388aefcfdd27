import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runCtl, TWO_MEMBERS } from '../../../test/support/ctl-world.js';

const world = { keys: TWO_MEMBERS };

test('--set and --pg show a diff, ask, and write by compare-and-set', async () => {
  const run = await runCtl({ ...world, input: ['y'] }, 'edit-config', '-s', 'ttl=40', '-p', 'a.b=on');
  assert.equal(
    run.out,
    `--- 
+++ 
@@ -1,4 +1,5 @@
 postgresql:
   parameters:
+    a.b: true
     work_mem: 4MB
-ttl: 30
+ttl: 40
Apply these changes? [y/N]: y
Configuration changed
`,
  );
  assert.deepEqual(run.writes, ['config@7 {"ttl":40,"postgresql":{"parameters":{"work_mem":"4MB","a.b":true}}}']);
});

test('null removes a parameter and the parents that it leaves empty', async () => {
  const run = await runCtl(world, 'edit-config', '--force', '-q', '-p', 'work_mem=null');
  assert.deepEqual(run.writes, ['config@7 {"ttl":30}']);
});

test('nothing is written without change, without consent, or without --force from standard input', async () => {
  const same = await runCtl(world, 'edit-config', '-s', 'ttl=30');
  assert.equal(same.out, 'Not changed\n');
  const declined = await runCtl({ ...world, input: [''] }, 'edit-config', '-s', 'ttl=31');
  assert.equal(declined.error, undefined);
  const piped = await runCtl({ ...world, files: { '-': 'ttl: 31' } }, 'edit-config', '--apply', '-');
  assert.match(piped.out, /Use --force option to apply changes\n$/);
  assert.deepEqual([...same.writes, ...declined.writes, ...piped.writes], []);
});

test('--replace starts anew', async () => {
  const run = await runCtl({ ...world, files: { f: 'loop_wait: 5\nttl: null' } }, 'edit-config', '--replace', 'f', '--force');
  assert.deepEqual(run.writes, ['config@7 {"loop_wait":5}']);
});

test('an emptied text would wipe the configuration and is refused', async () => {
  const run = await runCtl({ ...world, files: { $EDITOR: '' } }, 'edit-config', '--force');
  assert.match(run.error ?? '', /^CtlError: the edited text is not a mapping/);
  assert.deepEqual(run.writes, []);
});

test('errors in the words that scripts know', async () => {
  assert.equal((await runCtl(world, 'edit-config', '-s', 'ttl')).error, 'CtlError: Invalid parameter setting ttl');
  const lost = await runCtl({ ...world, losesRace: true }, 'edit-config', '--force', '-s', 'ttl=31');
  assert.equal(lost.error, 'CtlError: Config modification aborted due to concurrent changes');
  const none = await runCtl({ keys: {} }, 'edit-config');
  assert.equal(none.error, 'CtlError: The config key does not exist in the cluster alpha');
});
