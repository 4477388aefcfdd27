import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { minus, type Names, names } from './names.js';
import { QuorumBroken, type QuorumState, type QuorumTransition, type QuorumWish, quorumTransitions } from './quorum.js';

const set = (text: string): Names => names([...text]);

function state(text: { L?: string; Q?: number; V?: string; N?: number; S?: string }): QuorumState {
  return { leader: text.L ?? 'p', quorum: text.Q ?? 0, voters: set(text.V ?? ''), number: text.N ?? 0, standbys: set(text.S ?? '') };
}

function wish(text: { M?: string; C: number; A: string; W: number }): QuorumWish {
  return { me: text.M ?? 'p', confirmed: text.C, active: set(text.A), wanted: text.W };
}

const shown = (transitions: readonly QuorumTransition[]): string[] =>
  transitions.map((each) => {
    if (each.kind === 'restart') return 'restart';
    return each.kind === 'sync' ? `sync ${each.number}{${each.standbys}}` : `quorum ${each.leader} ${each.quorum}{${each.voters}}`;
  });

const EXAMPLES: readonly (readonly [what: string, QuorumState, QuorumWish, readonly string[]])[] = [
  ['the first standbys', state({}), wish({ C: 0, A: 'xyz', W: 1 }), ['sync 1{x,y,z}', 'restart']],
  ['two are confirmed', state({ N: 1, S: 'xyz' }), wish({ C: 2, A: 'xyz', W: 1 }), ['quorum p 2{x,y,z}']],
  ['nobody is confirmed', state({ N: 1, S: 'xyz' }), wish({ C: 0, A: 'xyz', W: 1 }), ['restart']],
  ['two more', state({ V: 'x', S: 'x', N: 1 }), wish({ C: 1, A: 'xyz', W: 1 }), ['quorum p 2{x,y,z}', 'sync 1{x,y,z}']],
  ['a higher number', state({ V: 'xyz', S: 'xyz', N: 1, Q: 2 }), wish({ C: 3, A: 'xyz', W: 2 }), ['sync 2{x,y,z}', 'quorum p 1{x,y,z}']],
  ['a lower number', state({ V: 'xyz', S: 'xyz', N: 2, Q: 1 }), wish({ C: 3, A: 'xyz', W: 1 }), ['quorum p 2{x,y,z}', 'sync 1{x,y,z}']],
  ['one of three lost', state({ V: 'xyz', S: 'xyz', N: 1, Q: 2 }), wish({ C: 2, A: 'xy', W: 1 }), ['sync 1{x,y}', 'quorum p 1{x,y}']],
  ['one of two lost, both counted', state({ V: 'xy', S: 'xy', N: 2, Q: 0 }), wish({ C: 1, A: 'x', W: 2 }), ['quorum p 0{x}', 'sync 1{x}']],
  ['all lost', state({ V: 'xy', S: 'xy', N: 1, Q: 1 }), wish({ C: 0, A: '', W: 1 }), ['quorum p 0{}', 'sync 0{}']],
  ['promoted, nobody there', state({ V: 'xy', Q: 1, S: 'py', N: 1 }), wish({ M: 'x', C: 0, A: '', W: 1 }), ['quorum x 1{p,y}']],
  [
    'promoted, one there',
    state({ V: 'xy', Q: 1, S: 'py', N: 1 }),
    wish({ M: 'x', C: 0, A: 'y', W: 1 }),
    ['quorum x 1{p,y}', 'sync 1{y}', 'quorum x 0{y}'],
  ],
  ['broken numbers', state({ V: 'xy', S: 'xy', N: 1, Q: 0 }), wish({ C: 2, A: 'xy', W: 1 }), ['quorum p 1{x,y}']],
];

for (const [what, from, to, expected] of EXAMPLES) {
  test(`quorum: ${what}`, () => assert.deepEqual(shown(quorumTransitions(from, to)), expected));
}

/**
 * Every set of nodes that can elect has one of every set that can acknowledge. The primary acknowledges with `number` others;
 * who is elected needs `quorum` others beside itself. A set with the primary in it has everything.
 */
function isSafe({ leader, quorum, voters, number, standbys }: QuorumState, primary: string): boolean {
  if (voters.length === 0) return true;
  const electing = minus(names(voters, [leader]), [primary]).length;
  return quorum + 1 > electing || quorum + 1 + number > minus(names(voters, standbys, [leader]), [primary]).length;
}

function after(from: QuorumState, transition: QuorumTransition): QuorumState {
  if (transition.kind === 'restart') return from;
  const { kind: _, ...change } = transition;
  return { ...from, ...change };
}

const subset = (all: string): fc.Arbitrary<Names> => fc.subarray([...all]).map((each) => names(each));

/** What happens to a cluster: standbys come and go, the number changes, and the agent may end between two transitions. */
const events = fc.array(
  fc.record({
    active: subset('abcd'),
    wanted: fc.integer({ min: 1, max: 3 }),
    confirmedShare: fc.double({ min: 0, max: 1, noNaN: true }),
    crashAfter: fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined }),
    heir: fc.option(fc.constantFrom('a', 'b', 'c', 'd', 'p'), { nil: undefined, freq: 4 }),
  }),
  { maxLength: 12 },
);

test('quorum: every state that any sequence can reach is safe, also after crashes and with another leader', () => {
  fc.assert(
    fc.property(events, (happenings) => {
      let [now, me]: [QuorumState, string] = [state({}), 'p'];
      for (const { active: all, wanted, confirmedShare, crashAfter, heir } of happenings) {
        // Only who may win a race leads next: one of the voters, or the leader of the key itself.
        if (heir !== undefined && heir !== me && now.voters.includes(heir)) {
          // Before its promotion it names whom it needs, as many as the key makes necessary (ha.md §9.1).
          const members = names(now.voters, [now.leader]);
          const left = members.filter((name) => name !== heir);
          now = { ...now, number: members.length - now.quorum - 1, standbys: left };
          me = heir;
        }
        const active = names(
          all.filter((name) => name !== me),
          me === 'p' ? [] : [],
        );
        const confirmed = Math.floor(confirmedShare * active.filter((name) => now.standbys.includes(name)).length);
        let done = 0;
        try {
          for (const transition of quorumTransitions(now, { me, active, wanted, confirmed })) {
            if (crashAfter !== undefined && done++ >= crashAfter) break;
            now = after(now, transition);
            assert.ok(isSafe(now, me), `${JSON.stringify(now)} after ${JSON.stringify(transition)}`);
          }
        } catch (error) {
          if (!(error instanceof QuorumBroken)) throw error;
          assert.ok(isSafe(now, me), `nothing may be done in ${JSON.stringify(now)}`);
        }
      }
    }),
    { numRuns: 5000 },
  );
});

test('quorum: with all standbys there and confirmed it comes to rest at the best numbers', () => {
  fc.assert(
    fc.property(events, subset('abcd'), fc.integer({ min: 1, max: 3 }), (happenings, active, wanted) => {
      let now = state({});
      const run = (to: Omit<QuorumWish, 'confirmed' | 'me'>): void => {
        const confirmed = to.active.filter((name) => now.standbys.includes(name)).length;
        for (const transition of quorumTransitions(now, { me: 'p', confirmed, ...to })) now = after(now, transition);
      };
      for (const each of happenings) run({ active: each.active, wanted: each.wanted });
      for (let round = 0; round < 4; round += 1) run({ active, wanted });
      const number = Math.min(wanted, active.length);
      assert.deepEqual(now, { leader: 'p', quorum: active.length - number, voters: active, number, standbys: active });
    }),
    { numRuns: 2000 },
  );
});
