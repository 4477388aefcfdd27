import { accessSync, closeSync, constants, open, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import type { Clock } from '../ports/clock.js';
import { CAN_SET_TIMEOUT, type DeviceCalls, HAS_MAGIC_CLOSE } from './device.js';
import { controlDevice } from './program.js';

const openFile = promisify(open);

/** The Linux driver. The guard program makes the ioctls, on the descriptor that it inherits: Node has none. */
export const linuxCalls: DeviceCalls = {
  isWritable: (path) => {
    try {
      accessSync(path, constants.W_OK);
      return true;
    } catch {
      return false;
    }
  },
  open: (path) => openFile(path, constants.O_WRONLY),
  control: controlDevice,
  write: (file, text) => void writeSync(file, text),
  close: (file) => closeSync(file),
};

/** How long a pipe may be without a reader. */
const READER_WAIT_MS = 1000;
const READER_LOOK_MS = 50;
/** Until it is told otherwise (ha.md §23.6). */
const TESTING_TIMEOUT_S = 60;

/** `driver: testing`: a named pipe that a test reads instead of a device (ha.md §23.6). */
export function testingCalls(clock: Clock): DeviceCalls {
  const timeouts = new Map<number, number>();
  return {
    ...linuxCalls,
    open: (path) => openWhenRead(path, clock),
    control: async (file, timeoutS) => {
      if (timeoutS > 0) {
        writeSync(file, `Ctimeout=${timeoutS}\n`);
        timeouts.set(file, timeoutS);
      }
      const known = timeouts.get(file) ?? TESTING_TIMEOUT_S;
      return { options: CAN_SET_TIMEOUT | HAS_MAGIC_CLOSE, firmware: 0, identity: 'testing watchdog', timeoutS: known };
    },
    close: (file) => {
      timeouts.delete(file);
      closeSync(file);
    },
  };
}

/** A pipe that nobody reads refuses to be opened this way, where a plain open would wait for ever. */
async function openWhenRead(path: string, clock: Clock): Promise<number> {
  const until = clock.monotonic() + READER_WAIT_MS;
  for (;;) {
    try {
      return await openFile(path, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch (error) {
      const isUnread = error instanceof Error && 'code' in error && error.code === 'ENXIO';
      if (!isUnread || clock.monotonic() >= until) throw error;
    }
    await clock.sleep(READER_LOOK_MS);
  }
}
