import { createSocket } from 'node:dgram';

const TYPES: Readonly<Record<number, 'A' | 'AAAA' | 'SRV'>> = { 1: 'A', 28: 'AAAA', 33: 'SRV' };

/** A name server on loopback. It answers what is in `records`, and that there is nothing else; or not at all. */
export interface FakeDns {
  readonly server: string;
  readonly records: Map<string, readonly Buffer[]>;
  isSilent: boolean;
  close(): void;
}

/** Keys of `records` are `TYPE name`. */
export function startFakeDns(): Promise<FakeDns> {
  const socket = createSocket('udp4');
  const records = new Map<string, readonly Buffer[]>();
  const fake = { server: '', records, isSilent: false, close: () => void socket.close() };
  socket.on('message', (query, from) => {
    if (fake.isSilent) return;
    const labels: string[] = [];
    let at = 12;
    for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
      labels.push(query.toString('latin1', at + 1, at + 1 + length));
      at += 1 + length;
    }
    const type = query.readUInt16BE(at + 1);
    const found = records.get(`${TYPES[type]} ${labels.join('.').toLowerCase()}`) ?? [];
    const header = Buffer.from(query.subarray(0, 12));
    header.writeUInt16BE(found.length > 0 ? 0x8180 : 0x8183, 2);
    header.writeUInt16BE(found.length, 6);
    header.writeUInt32BE(0, 8);
    const answers = found.map((data) => {
      const head = Buffer.alloc(12);
      head.writeUInt16BE(0xc00c, 0);
      head.writeUInt16BE(type, 2);
      head.writeUInt16BE(1, 4);
      head.writeUInt16BE(data.length, 10);
      return Buffer.concat([head, data]);
    });
    socket.send(Buffer.concat([header, query.subarray(12, at + 5), ...answers]), from.port, from.address);
  });
  return new Promise((resolve) => {
    socket.bind(0, '127.0.0.1', () => {
      fake.server = `127.0.0.1:${socket.address().port}`;
      resolve(fake);
    });
  });
}

export function addressRecord(address: string): Buffer {
  return Buffer.from(address.split('.').map(Number));
}

export function serviceRecord(priority: number, weight: number, port: number, target: string): Buffer {
  const head = Buffer.alloc(6);
  for (const [i, value] of [priority, weight, port].entries()) head.writeUInt16BE(value, i * 2);
  const labels = target.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  return Buffer.concat([head, ...labels, Buffer.from([0])]);
}
