import { execFileSync } from 'node:child_process';

/** A machine of the experiment: a network namespace of its own, one cable to the hub. */
export interface Host {
  readonly name: string;
  readonly address: string;
}

function ip(...args: readonly string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8' });
}

/**
 * Hosts around a hub that forwards between them. The hub is the namespace that this process runs in, and must have been
 * made for the experiment: everything in it ends with the process. The hub reaches every host at all times; what goes from
 * host to host can be cut, in each direction by itself, and is then lost in silence.
 */
export class Network {
  readonly hosts: readonly Host[];
  private readonly cuts = new Set<string>();

  constructor(names: readonly string[]) {
    ip('link', 'set', 'lo', 'up');
    execFileSync('sh', ['-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward']);
    this.hosts = names.map((name, index) => {
      const [hub, address] = [`10.77.${index + 1}.1`, `10.77.${index + 1}.2`];
      ip('netns', 'add', name);
      ip('link', 'add', 'name', `to-${name}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', name);
      ip('addr', 'add', `${hub}/30`, 'dev', `to-${name}`);
      ip('link', 'set', `to-${name}`, 'up');
      ip('-n', name, 'addr', 'add', `${address}/30`, 'dev', 'eth0');
      ip('-n', name, 'link', 'set', 'lo', 'up');
      ip('-n', name, 'link', 'set', 'eth0', 'up');
      ip('-n', name, 'route', 'add', 'default', 'via', hub);
      return { name, address };
    });
  }

  host(name: string): Host {
    const found = this.hosts.find((each) => each.name === name);
    if (found === undefined) throw new Error(`there is no host ${name}`);
    return found;
  }

  /** Nothing goes from one host to the other any more. @returns how to mend it */
  cut(from: Host, to: Host): () => void {
    const key = `${from.address} ${to.address}`;
    if (this.cuts.has(key)) return () => undefined;
    this.cuts.add(key);
    const rule = ['from', from.address, 'to', to.address, 'blackhole'];
    ip('rule', 'add', ...rule);
    return () => {
      if (this.cuts.delete(key)) ip('rule', 'del', ...rule);
    };
  }

  /** Nothing goes between any of these and any of those. */
  separate(these: readonly Host[], those: readonly Host[]): () => void {
    const mends = these.flatMap((a) => those.filter((b) => b !== a).flatMap((b) => [this.cut(a, b), this.cut(b, a)]));
    return () => {
      for (const mend of mends) mend();
    };
  }
}
