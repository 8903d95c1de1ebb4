import { HeadwaterError } from '../../../contract/index.ts';
import { INSTALL, installText } from '../install.ts';
import { howItEnded, startProcess } from '../process/process.ts';

// By its full name: the short one sends Maven looking for who owns it. The pom has the version.
const GOAL = 'org.apache.maven.plugins:maven-dependency-plugin:copy-dependencies';

const NETWORK =
  /Unknown host|Name or service not known|No route to host|Network is unreachable|Connect(ion)? (refused|timed out|reset)|Could not transfer|status code: 5\d\d/i;

/** Copies the dependencies of a pom into a folder, and says what it downloads. */
export async function copyDependencies(pom: string, into: string, onProgress: (text: string) => void): Promise<void> {
  const count = downloadCounter(onProgress);
  const maven = await startProcess({
    name: 'Maven',
    command: 'mvn',
    // -U: otherwise Maven refuses for a day to look again for what it could not get once.
    args: ['-B', '-U', '-Dstyle.color=never', '-f', pom, GOAL, `-DoutputDirectory=${into}`],
    onLine: count,
  }).catch((cause) => {
    throw new HeadwaterError(
      'MAVEN_MISSING',
      `Maven fetches Kafka's jars and could not be started. ${installText(INSTALL.maven)}`,
      { cause },
    );
  });
  const exit = await maven.exited;
  if (exit.code === 0) return;
  const errors = exit.lastLines.filter((line) => line.startsWith('[ERROR]'));
  const network = NETWORK.test(exit.lastLines.join('\n'));
  throw new HeadwaterError(
    network ? 'DOWNLOAD_FAILED' : 'MAVEN_FAILED',
    network
      ? "Kafka's jars could not be downloaded. Check the network and any proxy in ~/.m2/settings.xml, then start again; what has arrived is kept."
      : `Maven failed (${howItEnded(exit)}).`,
    { details: (errors.length > 0 ? errors : exit.lastLines).slice(0, 10), retryable: network },
  );
}

/** Reports the files and megabytes so far, from Maven's lines `Downloaded from …: URL (1.2 MB at …)`. */
export function downloadCounter(onProgress: (text: string) => void): (line: string) => void {
  let files = 0;
  let kilobytes = 0;
  return (line) => {
    const [, size, unit] = /Downloaded from .*\.jar \(([\d.]+) (B|kB|MB) at/.exec(line) ?? [];
    if (size === undefined) return;
    files += 1;
    kilobytes += Number(size) * (unit === 'MB' ? 1_000 : unit === 'kB' ? 1 : 0.001);
    onProgress(`downloading Kafka: ${files} jars, ${(kilobytes / 1_000).toFixed(1)} MB`);
  };
}
