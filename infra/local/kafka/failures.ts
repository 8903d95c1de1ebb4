import type { ProcessExit } from '../process/process.ts';

/** What a broker's last words mean, and what to do about it. The first that fits wins. */
const KNOWN: readonly (readonly [RegExp, string])[] = [
  [/No space left on device/i, 'The disk is full. Make room, then start again; acknowledged records are kept.'],
  [
    /Address already in use|Failed to bind/i,
    'One of its ports was taken while it started. Start again: another port is chosen.',
  ],
  [
    /Failed to acquire lock on file/i,
    'Another broker uses its data folder. End that one (look for "kafka.Kafka" among the processes), then start again.',
  ],
  [
    /OutOfMemoryError: (Java heap space|GC overhead)|Terminating due to java.lang.OutOfMemoryError/,
    'Its heap was too small for the load. Give it more (heapMb).',
  ],
  [
    /insufficient memory for the Java Runtime|Cannot allocate memory|unable to create native thread/i,
    'This machine has too little free memory for it. Close other programs or run one broker.',
  ],
  [
    /CorruptRecordException|CorruptIndexException|Found a corrupted|InconsistentClusterIdException|Invalid cluster\.id|meta\.properties|node ID not found|Error while reading the Quorum status/i,
    'Its data is damaged or belongs to another cluster. Start with --fresh to begin with empty data, or restore a copy.',
  ],
  [
    /all log dirs in .* have failed/i,
    'It could not read or write its data folder. Look at the disk and at the rights of the folder.',
  ],
];

/** What an end probably means and what to do, or undefined when it tells nothing. */
export function hintFor({ lastLines, signal }: Pick<ProcessExit, 'lastLines' | 'signal'>): string | undefined {
  const text = lastLines.join('\n');
  const known = KNOWN.find(([pattern]) => pattern.test(text));
  if (known) return known[1];
  if (signal === 'SIGKILL') {
    return 'It was killed from outside: by someone, or by the kernel because memory ran out (see dmesg).';
  }
  return undefined;
}
