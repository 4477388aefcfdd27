import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runSeed } from './run.js';

/**
 * Seeds that found a fault of the product, each with what it was. A seed changes its meaning with the world; the
 * scenarios beside keep theirs. All were mended on the day they were found.
 */
const FOUND: readonly (readonly [number, string])[] = [
  [30, 'a primary that was told "held by other" read the store once more before it stopped'],
  [93, 'the only timer that watches the end of the lease fired a fraction early and was not set again'],
  [180, 'a lease ended while the agent was frozen in a promotion, and the server was taken for the standby that it had been'],
  [351, 'two members used the same timeline number for different histories; a standby diverged in silence'],
  [1546, 'a raised ttl counted at once for a lease that the store had granted with the old one'],
  [2033, 'POST /restart started a fenced former primary read-write beside the new leader'],
  [2930, 'with check_timeline the only possible leader deferred for ever to one that may not lead'],
  [3343, 'as 2033, after the end of maintenance mode'],
  [3562, 'without store, a promotion went on until the lease was over, and the fence waited for it to end'],
  [6360, 'a restart was accepted during the shutdown, and the server came back after the key was given away'],
  [6496, 'in maintenance mode a rewound server was restarted read-write on the timeline of the leader'],
  [783, 'a comparison that became due in maintenance mode was forgotten at its end: a standby beyond its leader waited for ever'],
  [1255, 'a leader that was frozen took the key back though another had led, and passed over what that one wrote'],
  [1312, 'a restart that was under way when the lease ended was not fenced: the server became writable afterwards'],
  [71, 'in failsafe mode a member waited for ever for one that was ahead and not in the map, which may not lead'],
  [560, 'as 71, for one of equal position and higher priority'],
  [4161, 'a restart that waited for a rewind to end started the server without its signal file, writable beside the leader'],
  [13245, 'in quorum mode the candidate of a switchover was promoted without what another voter had acknowledged'],
  [16881, 'as 13245, for a manual failover'],
  [19931, 'single-user recovery of a killed standby wrote WAL of its own on a shared timeline, and it was promoted'],
  [18768, 'after maintenance mode a primary waited for a frozen server and a slow store much longer than its lease'],
  [12315, 'a pre_promote script that refused was held against the next promotion, too'],
  [8594, 'in failsafe mode nobody led any more when the only member of the map had lost its data'],
  [279556, 'a member without data made a new cluster when the key initialize was deleted while nobody led'],
  [
    299989,
    'a restarted agent beside a frozen primary has not decided before two budgets of the store and a look: the checker was stricter',
  ],
  [286575, 'a look at a server that did not answer held up the end of a restart, and with it the fence'],
  [262989, 'in failsafe mode the key was given back after pg_ctl promote, and the server became writable without it'],
  [255317, 'as 2930, for one of equal position and higher priority'],
  [256488, 'in maintenance mode a former primary of an older timeline took the lock, without what had been acknowledged since'],
  [251157, 'POST /restart of a stopped former primary started it with nobody to wait for, though /sync named a standby'],
  [252115, 'the lease ended after pg_ctl promote and before the promotion: the server was not stopped, and became writable'],
  [251125, 'pg_control was read late, and a killed standby was recovered in single-user mode: it wrote WAL of its own'],
  [500610, 'the shutdown of a primary without lease waited for a silent store, to be released from synchronous replication first'],
  [301957, 'the fence went by a look from before the start of the primary: a crashed server that had come back meanwhile was left alone'],
  [303284, 'as 301957, with the agent frozen meanwhile'],
  [306921, 'in quorum mode a former primary was elected by the vote of a member of a newer timeline, whose WAL it lacked'],
  [322089, 'as 306921, where the voter told an old timeline, or none'],
  [314385, 'a voter was copied anew from a replica that was behind, and vouched for commits that it had no more'],
  [326322, 'a lock that was lost between two cycles had no deadline: a primary waited for a frozen server beyond its lease'],
  [416094, 'a member that heard of the end of maintenance mode before its next write was given no time to confirm its lock: the checker'],
  [437673, 'a member was elected and refused by pre_promote, and the former primary went on beside a key that was not its own'],
  [703389, 'a candidate left /sync between the order of the failover and its lock, and did not say what that means'],
  [
    712202,
    'after maintenance mode a primary without lock was not fenced when its agent had been told to stop, and waited for a slow store',
  ],
  [721905, 'what the REST API shows of maintenance mode was from before the cycle, which waited for a slow store'],
  [805788, 'a lock whose grant got no answer was used later, though /sync had changed since it was asked for'],
  [813573, 'a primary cut off in maintenance mode was held to a synchronous mode that was turned off and on meanwhile: the checker'],
  [827589, 'in maintenance mode a primary was restarted, after its key was given away, with nobody to wait for'],
  [840578, 'pg_ctl promote failed while the server started, and it was taken for promoted: the model'],
  [
    850901,
    'a member that was frozen counted the end of failsafe mode from before its sleep, and took the lock beside a primary in that mode',
  ],
  [853420, 'a restart was ordered before the end of the faults and carried out after the cluster was whole: the checker'],
  [892779, 'a restarted agent was promoted by a lock that it had got before, unheard, on an old look at /sync'],
  [342573, 'in quorum mode /sync named the leader before for a moment after a promotion, and that one came back without a vote'],
  [1020571, 'in maintenance mode a restarted agent took the lock by request beside a primary that it had let go on without store'],
  [1022686, 'who had everything lost its data, and the others were farther behind than they may be: the model'],
  [1046247, 'in maintenance mode and without store a demoted server was restarted as primary with nobody to wait for'],
  [1101902, 'as 1020571, where the agent was stopped and started again'],
  [1138398, 'as 1020571, in a synchronous mode'],
  [1144240, 'as 1022686'],
  [1133190, 'a primary that was frozen while an operator passed it over acknowledged commits afterwards: the checker'],
  [1069737, 'an agent that started beside a primary without lock let it go on for as long as each of its slow requests took'],
];

for (const [seed, what] of FOUND) {
  test(`seed ${seed}: ${what}`, async () => {
    assert.equal((await runSeed(seed)).violation, undefined);
  });
}
