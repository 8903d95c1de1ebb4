import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectAsync, type IClientOptions, type MqttClient } from 'mqtt';
import { loadGatewayConfig } from '../config/index.ts';
import { type Gateway, runGateway } from '../main.ts';

/** A gateway in a folder of its own, whose configuration a test may write again, while Kafka is away. */
export interface Site extends AsyncDisposable {
  readonly dir: string;
  /** Everything it logged as a warning, by its message. */
  readonly warnings: string[];
  /** Writes the part of the configuration below `inputs:` and whatever follows it. `http` is a port, a free one unless given. */
  write(inputs: string, http?: number): void;
  file(name: string, text: string): void;
  run(): Promise<Gateway>;
  device(url: string, options?: IClientOptions): Promise<MqttClient>;
  readonly configFile: string;
  readonly log: { debug(): void; info(): void; warn(_: object, message: string): void };
}

export async function openSite(): Promise<Site> {
  const dir = mkdtempSync(join(tmpdir(), 'headwater-site-'));
  const port = await unusedPort();
  const warnings: string[] = [];
  const log = { debug() {}, info() {}, warn: (_: object, message: string) => void warnings.push(message) };
  const closers: (() => Promise<unknown>)[] = [];
  const configFile = join(dir, 'gateway.yaml');
  const file = (name: string, text: string) => writeFileSync(join(dir, name), text);
  file('ca.pem', CERTIFICATE);
  file('kafka.password', 'secret\n');
  return {
    dir,
    warnings,
    log,
    configFile,
    file,
    write(inputs, http = 0) {
      const kafka = `{ brokers: ["127.0.0.1:${port}"], caFile: ca.pem, passwordFile: kafka.password }`;
      const buffer = inputs.includes('buffer:') ? '' : 'buffer: { dir: buffer, maxBytes: 64 MiB }\n';
      file(
        'gateway.yaml',
        `gateway: { id: gw-1, site: plant }\n${buffer}kafka: ${kafka}\nhttp: { port: ${http} }\nclock: { trust: always }\ninputs:\n${inputs}\n`,
      );
    },
    async run() {
      const gateway = await runGateway(loadGatewayConfig(configFile, {}), { log });
      closers.push(() => gateway.close());
      return gateway;
    },
    async device(url, options) {
      const client = await connectAsync(url, { reconnectPeriod: 0, ...options });
      client.on('error', () => {});
      closers.push(() => client.endAsync(true));
      return client;
    },
    async [Symbol.asyncDispose]() {
      for (const close of closers.splice(0).reverse()) await close();
      rmSync(dir, { recursive: true });
    },
  };
}

/** A port that was free a moment ago. */
export async function unusedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

/** Of an authority of nobody: read for its expiry, never connected with. */
export const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBdTCCARugAwIBAgIUdgn8KQVDiqsOAz0yOK1nG3nrr0UwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjIxODMxNTZaGA8yMTI2MTAyOTE4MzE1
NlowDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABFbE
JyhBflzJb4a+uTICaqBhW0Vj2xO4AcT3dCEc8ba6T2OzWEit/EbGwnH46kzTmDvN
lDwXHuBC9jtDCy2NqXqjUzBRMB0GA1UdDgQWBBRQHA46hgt/U7MrcVXuxhFlegd9
RjAfBgNVHSMEGDAWgBRQHA46hgt/U7MrcVXuxhFlegd9RjAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCA0gAMEUCIQC+ZPQNpuusITsDQaeah5nouyEwjmuHMdh/
/uywRfAtKAIgcdr70WpIspJFbrDbygzpETOY0w4TRB7+xrc6Od1sRTU=
-----END CERTIFICATE-----
`;
