import { delimiter } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Java } from './java.ts';

export interface Runtime {
  readonly java: Java;
  readonly jars: readonly string[];
  /** A class-data archive to start from, or the place to write one at exit. */
  readonly archive?: { readonly mode: 'use' | 'make'; readonly path: string };
}

// The full compiler is kept away from the start, where it takes as much time as Kafka itself, and for what runs often:
// without it a broker needs three times the CPU to serve a reader, since only it has the processor's AES instructions.
const LATE_FULL_COMPILER = [
  '-XX:Tier4InvocationThreshold=50000',
  '-XX:Tier4MinInvocationThreshold=6000',
  '-XX:Tier4CompileThreshold=150000',
  '-XX:Tier4BackEdgeThreshold=400000',
];

/** Command and environment for one of Kafka's main classes, set up to start quickly in little memory. */
export function jvm(runtime: Runtime, mainClass: string, args: readonly string[], heapMb: number) {
  const { java, jars, archive } = runtime;
  const log4j = fileURLToPath(new URL('log4j2.properties', import.meta.url));
  return {
    command: java.command,
    args: [
      `-Xmx${heapMb}m`,
      ...LATE_FULL_COMPILER,
      '-XX:+UseSerialGC',
      '-XX:-UsePerfData',
      '-XX:+ExitOnOutOfMemoryError',
      // An archive that no longer fits costs speed, not the start.
      '-Xshare:auto',
      '-Xlog:cds=off,cds+dynamic=off',
      ...(archive
        ? [`-XX:${archive.mode === 'use' ? 'SharedArchiveFile' : 'ArchiveClassesAtExit'}=${archive.path}`]
        : []),
      `-Dlog4j2.configurationFile=${log4j}`,
      mainClass,
      ...args,
    ],
    // The class path is no argument: forty-six paths would bury everything else in the process list. Without the limit on arenas, the C library
    // keeps what the compiler threads freed: 100 MB and more.
    env: { CLASSPATH: jars.join(delimiter), MALLOC_ARENA_MAX: '2' },
  };
}
