import { test } from 'node:test';
import { type ClusterOptions, TestCluster } from './test-cluster.js';
import type { Writer } from './writer.js';

export interface Scene {
  readonly cluster: TestCluster;
  /** Has written rows since before the scenario's first step. */
  readonly writer: Writer;
}

const SCENARIO_LIMIT_MS = 240_000;

/** A test on a healthy cluster under writes. Whatever it does, no acknowledged row may be missing at its end. */
export function scenario(name: string, options: ClusterOptions, body: (scene: Scene) => Promise<void>): void {
  void test(name, { timeout: SCENARIO_LIMIT_MS }, async () => {
    const cluster = await TestCluster.start(options);
    const leave = (): void => {
      cluster.killEverything();
      process.exit(1);
    };
    process.once('SIGTERM', leave);
    process.once('SIGINT', leave);
    let hasFailed = true;
    try {
      const writer = await cluster.startWriter({ throughHaproxy: Boolean(options.haproxy) });
      await writer.untilWritten(10);
      await body({ cluster, writer });
      await writer.untilWritten(10);
      await writer.stop();
      await writer.assertNoAcknowledgedRowMissing();
      hasFailed = false;
    } finally {
      await cluster.stop({ hasFailed });
      process.off('SIGTERM', leave);
      process.off('SIGINT', leave);
    }
  });
}
