import { FRAME_WINDOW } from '../../buffer/index.ts';
import { isFrame } from '../decode/parse.ts';
import type { Message, Problem } from '../input.ts';
import { type CsvOptions, csvLines } from './csv.ts';
import { decodeFrame, encodeFrame } from './frame.ts';

/** What one line or frame says. With a `problem` it says nothing: noise, half a line, or not what this port is said to send. */
export type Content = Pick<Message, 'payload' | 'fields' | 'frame' | 'problem'>;

/** How messages are told apart on a line, and answered. One for each time the port is opened: it may remember a header. */
export interface Framing {
  readonly delimiter: number;
  /** What a part between two delimiters says; undefined where nothing was meant: an empty line, a header. */
  read(part: Buffer): Content | undefined;
  acknowledgement(frame: NonNullable<Message['frame']>): Buffer;
}

export interface FramingOptions {
  readonly framing: 'lines' | 'csv' | 'cobs';
  /** Name of the device where what it sends gives none. */
  readonly device?: string | undefined;
  /** For `csv`. */
  readonly csv?: CsvOptions | undefined;
}

const LF = 10;
const CR = 13;
const ZERO = 0;

export function openFraming({ framing, device, csv }: FramingOptions): Framing {
  if (framing === 'cobs') return cobsFrames(device);
  const read = framing === 'csv' && csv ? csvLines(csv, device) : (line: Buffer) => readJsonLine(line, device);
  const isBelievable = numbersInOrder();
  return {
    delimiter: LF,
    read(part) {
      const line = part.at(-1) === CR ? part.subarray(0, -1) : part;
      if (line.length === 0) return undefined;
      const content = read(line);
      const frame = content?.fields && frameOf(content.fields);
      if (content === undefined || frame === undefined) return content;
      if (isBelievable(frame)) return { ...content, frame };
      return leap('line', frame.number, part);
    },
    acknowledgement: ({ boot, number }) => Buffer.from(`ACK ${boot} ${number}\n`),
  };
}

/**
 * Whether the number of a line or frame fits those before it. A wrong one, in a line without a checksum or a frame that passes its own by chance, would
 * make the line that really has that number look like a repeat: it would be acknowledged and gone. So a leap is believed only when another line comes
 * from where it led, or from beyond.
 */
function numbersInOrder(): (frame: NonNullable<Message['frame']>) => boolean {
  let last = { boot: '', number: 0 };
  let doubted: number | undefined;
  return ({ boot, number }) => {
    const fits = number - last.number < FRAME_WINDOW;
    const confirms = doubted !== undefined && number > doubted - FRAME_WINDOW;
    if (boot === last.boot && !fits && !confirms) {
      doubted = number;
      return false;
    }
    last = { boot, number: boot === last.boot ? Math.max(number, last.number) : number };
    doubted = undefined;
    return true;
  };
}

function cobsFrames(device: string | undefined): Framing {
  const isBelievable = numbersInOrder();
  return {
    delimiter: ZERO,
    read(part) {
      const frame = decodeFrame(part);
      if ('code' in frame) return { payload: part, problem: frame };
      if (frame.type === 'acknowledgement') {
        const reason = 'frame is an acknowledgement, which only the gateway sends: does the line echo?';
        return { payload: part, problem: { code: 'FRAME_ECHO', reason } };
      }
      const { boot, number, payload } = frame;
      if (!isBelievable(frame)) return leap('frame', number, part);
      const content = readJson(payload, 'payload of the frame', device);
      // It came whole, so its device would send it for ever: what it says is a dead letter, and is acknowledged.
      return { ...content, frame: { boot, number } };
    },
    acknowledgement: ({ boot, number }) =>
      encodeFrame({ type: 'acknowledgement', boot, number, payload: Buffer.alloc(0) }),
  };
}

function readJsonLine(line: Buffer, device: string | undefined): Content {
  return readJson(line, 'line', device);
}

function readJson(payload: Buffer, what: string, device: string | undefined): Content {
  const failed = (code: string, reason: string): Content => ({ payload, problem: { code, reason } satisfies Problem });
  let json: unknown;
  try {
    json = JSON.parse(payload.toString('utf8'));
  } catch {
    return failed('NOT_JSON', `${what} is not JSON (NaN and Infinity are not)`);
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    return failed('NOT_AN_OBJECT', `${what} is not a JSON object`);
  }
  const fields = json as NonNullable<Content['fields']>;
  return { payload, fields: fields.device === undefined && device !== undefined ? { ...fields, device } : fields };
}

/** The device's own id of a line that has one. */
function frameOf({ boot, n }: NonNullable<Content['fields']>): Message['frame'] {
  return isFrame(boot, n) ? { boot: boot as string, number: n as number } : undefined;
}

function leap(what: 'line' | 'frame', number: number, payload: Buffer): Content {
  const meaning = `it is damaged, or ${what}s passed that nobody read; believed when the device goes on from there`;
  const reason = `${what} has the number ${number}, far beyond the last one: ${meaning}`;
  return { payload, problem: { code: 'NUMBER_LEAPS', reason } };
}
