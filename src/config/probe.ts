import { lookup } from 'node:dns/promises';
import { connect } from 'node:net';

/** A server that answers at all answers a connection within this time. */
const CONNECT_TIMEOUT_MS = 3000;

/** Whether something accepts connections there. Names are resolved; every address is tried. @throws Error of the resolver. */
export async function isReachable(host: string, port: number): Promise<boolean> {
  const addresses = await lookup(host, { all: true });
  for (const { address } of addresses) if (await answers(address, port)) return true;
  return false;
}

function answers(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port });
    const finish = (isOpen: boolean): void => {
      socket.destroy();
      resolve(isOpen);
    };
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => finish(false));
    socket.once('connect', () => finish(true));
    socket.on('error', () => finish(false));
  });
}
