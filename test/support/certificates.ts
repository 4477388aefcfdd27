import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A certification authority in a folder of its own, made with openssl. */
export class Authority {
  readonly folder = mkdtempSync(join(tmpdir(), 'patroni-ca-'));
  readonly caFile = join(this.folder, 'ca.crt');

  constructor() {
    chmodSync(this.folder, 0o755);
    this.#openssl(
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=test',
      '-keyout',
      'ca.key',
      '-out',
      'ca.crt',
    );
  }

  /** Issues a certificate for 127.0.0.1 and localhost, over an older one of that name. @param passphrase of the key file. */
  issue(name: string, passphrase?: string): { readonly certFile: string; readonly keyFile: string } {
    const [certFile, keyFile] = [join(this.folder, `${name}.crt`), join(this.folder, `${name}.key`)];
    writeFileSync(join(this.folder, `${name}.ext`), 'subjectAltName=IP:127.0.0.1,DNS:localhost\n');
    this.#openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-out', keyFile);
    this.#openssl('req', '-new', '-key', keyFile, '-subj', `/CN=${name}`, '-out', `${name}.csr`);
    const signed = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', `${name}.ext`, '-out', certFile];
    this.#openssl('x509', '-req', '-in', `${name}.csr`, ...signed);
    if (passphrase !== undefined) {
      this.#openssl('pkcs8', '-topk8', '-in', keyFile, '-out', `${keyFile}.locked`, '-passout', `pass:${passphrase}`);
      writeFileSync(keyFile, readFileSync(`${keyFile}.locked`));
    }
    return { certFile, keyFile };
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #openssl(...args: string[]): void {
    execFileSync('openssl', args, { cwd: this.folder, stdio: 'pipe' });
  }
}
