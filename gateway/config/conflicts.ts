import type { z } from 'zod';
import { isLoopback } from './sections/common.ts';
import type { http } from './sections/http.ts';
import type { inputs } from './sections/inputs.ts';
import { clientIdOf } from './sections/mqtt-client.ts';

interface Sections {
  readonly gateway: { readonly id: string };
  readonly inputs: z.output<typeof inputs>;
  readonly http: z.output<typeof http>;
}

export interface Conflict {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

const EVERY_ADDRESS = new Set(['0.0.0.0', '::']);
const DEFAULT_PORTS: Readonly<Record<string, string>> = { 'mqtt:': '1883', 'mqtts:': '8883' };

/** Settings that are sound one by one and cannot be had together. */
export function conflicts({ gateway, inputs, http }: Sections): Conflict[] {
  const found: Conflict[] = [];
  const { mqtt, mqttClients } = inputs;
  if (mqtt && mqtt.port !== 0 && mqtt.port === http.port && overlap(mqtt.host, http.host)) {
    found.push({ path: ['http', 'port'], message: `is ${http.port}, which inputs.mqtt.port has too; choose another` });
  }
  // A broker ends a session's connection for each new one under its id: the two would cut each other off for ever.
  const sessions = new Map<string, string>();
  for (const [at, client] of mqttClients.entries()) {
    const id = clientIdOf(client, gateway.id);
    const session = `${brokerOf(client.url)} ${id}`;
    const other = sessions.get(session);
    sessions.set(session, client.name);
    if (other === undefined) continue;
    const message = `"${id}" at this broker is that of "${other}" too; give each its own`;
    found.push({ path: ['inputs', 'mqttClients', at, 'clientId'], message });
  }
  return found;
}

function overlap(one: string, other: string): boolean {
  if (EVERY_ADDRESS.has(one) || EVERY_ADDRESS.has(other)) return true;
  return one === other || (isLoopback(one) && isLoopback(other) && [one, other].includes('localhost'));
}

function brokerOf(url: string): string {
  const { protocol, hostname, port } = new URL(url);
  const host = hostname.toLowerCase();
  return `${isLoopback(host.replace(/^\[|\]$/g, '')) ? 'loopback' : host}:${port || DEFAULT_PORTS[protocol]}`;
}
