import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { HeadwaterError } from '../../../contract/index.ts';
import { INSTALL, installText } from '../install.ts';

export const JAVA_NEEDED = 17;
const INSTALL_JAVA = installText(INSTALL.java);

export interface Java {
  readonly command: string;
  readonly major: number;
  /** All it says about itself; two machines with the same text can share a class-data archive. */
  readonly version: string;
}

/** Finds Java as its own launchers do, JAVA_HOME before PATH. Throws when there is none or it is too old. */
export async function findJava(env: NodeJS.ProcessEnv = process.env): Promise<Java> {
  const command = env.JAVA_HOME ? join(env.JAVA_HOME, 'bin', 'java') : 'java';
  const version = await new Promise<string>((resolve, reject) => {
    execFile(command, ['-version'], { env }, (cause, _stdout, stderr) => {
      if (cause === null) return resolve(stderr);
      const where = env.JAVA_HOME ? `in JAVA_HOME (${env.JAVA_HOME})` : 'on the PATH';
      reject(
        new HeadwaterError(
          'JAVA_MISSING',
          `no working Java ${where}. Java ${JAVA_NEEDED} or newer runs Kafka. ${INSTALL_JAVA}`,
          {
            cause,
          },
        ),
      );
    });
  });
  const major = Number(/version "(?:1\.)?(\d+)/.exec(version)?.[1]);
  if (!(major >= JAVA_NEEDED)) {
    throw new HeadwaterError(
      'JAVA_TOO_OLD',
      `${command} is Java ${major || '(unknown)'}; Kafka needs ${JAVA_NEEDED} or newer. ${INSTALL_JAVA}`,
    );
  }
  return { command, major, version };
}
