import { crc32 } from 'node:zlib';
import { NAME } from '../../../contract/index.ts';

/** An MQTT topic taken apart. */
export interface Topic {
  /** Of `devices/<device>` and `devices/<device>/<metric>`, whatever characters they are of; undefined where the topic is another. */
  readonly names: { readonly device: string; readonly metric: string | undefined } | undefined;
  /** Whether the device is a valid name. */
  readonly isNamed: boolean;
  readonly checksum: number;
}

/** Topics that are remembered: all are forgotten when there are more. */
const MOST = 4_096;
/** Longer ones are not worth the memory. */
const LONGEST = 150;

/** Devices send to the same topics all the time: each is taken apart once, not with each message. */
export class Topics {
  readonly #known = new Map<string, Topic>();

  of(text: string): Topic {
    const known = this.#known.get(text);
    if (known) return known;
    const topic = topicOf(text);
    if (this.#known.size >= MOST) this.#known.clear();
    if (text.length <= LONGEST) this.#known.set(text, topic);
    return topic;
  }
}

export function topicOf(text: string): Topic {
  const [root, device, metric, extra] = text.split('/', 4);
  const names = root !== 'devices' || device === undefined || extra !== undefined ? undefined : { device, metric };
  return { names, isNamed: names !== undefined && NAME.test(names.device), checksum: crc32(text) };
}
