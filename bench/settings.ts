import { existsSync, readFileSync } from 'node:fs';
import { HeadwaterError } from '../contract/index.ts';

/** Reads `name=value` arguments over defaults; all values are numbers. @throws HeadwaterError `USAGE` */
export function readSettings<T extends Record<string, number>>(args: readonly string[], defaults: T): T {
  const settings: Record<string, number> = { ...defaults };
  for (const arg of args) {
    const [name = '', text] = arg.split('=');
    const value = Number(text);
    if (!(name in defaults) || !Number.isFinite(value)) {
      throw new HeadwaterError(
        'USAGE',
        `"${arg}" is no setting; the settings are ${Object.keys(defaults).join(', ')}, given as name=number`,
      );
    }
    settings[name] = value;
  }
  return settings as T;
}

export function print(result: object): void {
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

export function round(value: number, digits = 0): number {
  return Number(value.toFixed(digits));
}

export interface Usage {
  readonly cpuSeconds: number;
  readonly rssMb: number;
}

/** CPU time of this process since `before`, and the most memory it ever had. */
export function usage(before: NodeJS.CpuUsage): Usage {
  const { user, system } = process.cpuUsage(before);
  return { cpuSeconds: round((user + system) / 1e6, 2), rssMb: round(mostKb() / 1024) };
}

/** The most resident memory of this process. Linux counts what its parent had when it started this one into `maxRSS`. */
function mostKb(): number {
  const { maxRSS } = process.resourceUsage();
  if (!existsSync('/proc/self/status')) return maxRSS;
  return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? maxRSS);
}
