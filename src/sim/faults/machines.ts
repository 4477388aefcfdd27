import type { SimMember } from '../member.js';
import type { SeededRandom } from '../prng.js';
import type { Trouble } from '../trouble.js';
import type { World } from '../world.js';
import { after, type Fault, span } from './fault.js';

/** Something is wrong with a machine for a while. */
function trouble<K extends keyof Trouble>(
  name: string,
  weight: number,
  key: K,
  [bad, good]: readonly [Trouble[K], Trouble[K]],
  most: number,
  more: (world: World, member: SimMember, random: SeededRandom) => void = () => undefined,
): Fault {
  return {
    name,
    weight,
    happen: (world, member, random) => {
      const { trouble: of } = member.server;
      of[key] = bad;
      more(world, member, random);
      after(world, span(world, random, 0.05, most), `${name} ends: ${member.name}`, () => {
        of[key] = good;
      });
    },
  };
}

/** What is wrong with disks, files and scripts of one member. */
export const MACHINES: readonly Fault[] = [
  trouble('disk full', 2, 'isDiskFull', [true, false], 1.5),
  trouble('archiver stuck', 1, 'isArchiverStuck', [true, false], 1),
  trouble('control file unreadable', 1, 'controlFile', ['unreadable', 'right'], 0.7),
  trouble('control file stale', 1, 'controlFile', ['stale', 'right'], 0.7),
  trouble('data directory inaccessible', 1, 'isInaccessible', [true, false], 1, (_, { server }) => server.kill()),
  trouble('pre_promote refuses', 1, 'isPromotionRefused', [true, false], 2),
  trouble('watchdog missing', 1, 'isWatchdogMissing', [true, false], 2),
  trouble('replay paused', 1, 'isReplayPaused', [true, false], 1),
  {
    name: 'slow disk',
    weight: 3,
    happen: (world, member, random) => {
      member.server.slowness = random.pick([3, 10, 30]);
      after(world, span(world, random, 0.1, 2), `disk of ${member.name} is quick`, () => {
        member.server.slowness = 1;
      });
    },
  },
  {
    name: 'data lost',
    weight: 1,
    happen: (world, member, random) => {
      if (!world.canLose(member)) return;
      member.crashAgent();
      member.server.kill();
      member.server.systemId = undefined;
      world.scheduler.after(span(world, random, 0.01, 1), () => member.startAgent());
    },
  },
];
