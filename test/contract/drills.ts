import { after, before, describe } from 'node:test';
import { accessDrills } from './drills/access.js';
import type { DrillHarness } from './drills/harness.js';
import { linkDrills } from './drills/links.js';
import { lockDrills } from './drills/lock.js';
import { serverDrills } from './drills/servers.js';
import { SharedServer } from './drills/shared-server.js';
import { valueDrills } from './drills/values.js';

/**
 * What goes wrong with a store, done to its real server. One claim runs through all of them: a leader never keeps its lock
 * without the store's word, and a replica never takes it without.
 */
export function storeDrills(backEnd: string, harness: DrillHarness): void {
  describe(`Drills: ${backEnd}`, () => {
    const shared = new SharedServer();
    before(() => shared.start(harness.startServer()));
    after(() => shared.stop());
    serverDrills(harness);
    linkDrills(harness, shared);
    lockDrills(harness, shared);
    valueDrills(harness, shared);
    accessDrills(harness);
  });
}
