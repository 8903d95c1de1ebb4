import { ReasonCodes } from 'mqtt';
import { HeadwaterError } from '../../../contract/index.ts';
import type { InputStatus } from '../input.ts';

/** How a connection ended. */
export interface Ending {
  /** Code of the broker's answer to CONNECT; undefined where there was none. */
  readonly connack: number | undefined;
  /** Code with which an MQTT 5 broker said good-bye. */
  readonly disconnect: number | undefined;
  readonly error: Error | undefined;
}

export type Trouble = Pick<InputStatus, 'state' | 'detail'>;

/** Answers to CONNECT by MQTT 3.1.1 in those of MQTT 5. */
const SINCE_5: Readonly<Record<number, number>> = { 1: 0x84, 2: 0x85, 3: 0x88, 4: 0x86, 5: 0x87 };
const VERSION = 0x84;
const TAKEN_OVER = 0x8e;

const REFUSALS: Readonly<Record<number, string>> = {
  [VERSION]: 'it speaks neither MQTT 5 nor MQTT 3.1.1',
  133: 'it does not take this client id; set another clientId',
  134: 'user name or password are wrong; correct username and the file of passwordFile',
  135: 'this user may not connect; check user name, password and the broker’s access rights',
  138: 'this client is banned there',
  140: 'it asks for another way to log in',
};

const CERTIFICATES: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: 'the broker’s certificate has expired; renew it, or set this machine’s clock if it is wrong',
  CERT_NOT_YET_VALID: 'the broker’s certificate is not valid yet; is this machine’s clock right?',
  ERR_TLS_CERT_ALTNAME_INVALID: 'the broker’s certificate is for another name; use a name that stands in it in url',
  DEPTH_ZERO_SELF_SIGNED_CERT:
    'the broker’s certificate is signed by nobody known; give it, or its authority, in caFile',
  SELF_SIGNED_CERT_IN_CHAIN: 'the authority of the broker’s certificate is not known; give it in caFile',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'the authority of the broker’s certificate is not known; give it in caFile',
  UNABLE_TO_GET_ISSUER_CERT: 'the authority of the broker’s certificate is not known; give it in caFile',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'the authority of the broker’s certificate is not known; give it in caFile',
  CERT_SIGNATURE_FAILURE: 'the broker’s certificate was signed by another authority than that of caFile',
};

const NETWORK: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'there is no such name',
  EAI_AGAIN: 'names cannot be looked up at the moment',
  EHOSTUNREACH: 'there is no way to it',
  ENETUNREACH: 'there is no way to it',
  ETIMEDOUT: 'it does not answer',
  ECONNRESET: 'it broke the connection',
};

/** Whether MQTT 3.1.1 may work where MQTT 5 did not: it was refused by its version, or met with silence. */
export function asksForOtherVersion({ connack, error }: Ending): boolean {
  if (connack !== undefined) return (SINCE_5[connack] ?? connack) === VERSION;
  return error === undefined || (error as NodeJS.ErrnoException).code === 'ECONNRESET';
}

/** What an operator should know about a connection that ended. `failed` where somebody has to do something. */
export function explain({ connack, disconnect, error }: Ending, broker: string): Trouble {
  const waiting = (what: string): Trouble => ({ state: 'waiting', detail: `${broker}: ${what}` });
  const failed = (what: string): Trouble => ({ state: 'failed', detail: `${broker}: ${what}` });

  if (connack !== undefined && connack > 0) {
    const code = SINCE_5[connack] ?? connack;
    const refusal = REFUSALS[code];
    return refusal ? failed(refusal) : waiting(`it refuses the connection: ${reasonOf(code)}`);
  }
  if (disconnect === TAKEN_OVER) {
    return failed('another client uses the same client id; give each gateway its own id or clientId');
  }
  if (disconnect !== undefined) return waiting(`it ended the connection: ${reasonOf(disconnect)}`);
  if (error === undefined) {
    return waiting(connack === undefined ? 'it closed the connection without an answer' : 'it closed the connection');
  }
  if (error instanceof HeadwaterError) return error.retryable ? waiting(error.message) : failed(error.message);

  const code = String((error as NodeJS.ErrnoException).code ?? '');
  const certificate = CERTIFICATES[code];
  if (certificate !== undefined) return failed(certificate);
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER') return failed('that port does not speak TLS; is it mqtt:// there?');
  if (code.startsWith('ERR_SSL') || code.startsWith('ERR_OSSL')) {
    return failed(`TLS failed: ${error.message}; check caFile, certFile and keyFile`);
  }
  if (NETWORK[code] !== undefined) return waiting(NETWORK[code]);
  // The client's own words for a broker that accepts and is then silent.
  if (/connack timeout/i.test(error.message)) return waiting('it takes connections and does not answer');
  if (/keepalive timeout/i.test(error.message)) return waiting('it stopped answering');
  return waiting(error.message);
}

const reasonOf = (code: number): string => ReasonCodes[code as keyof typeof ReasonCodes] ?? `code ${code}`;
