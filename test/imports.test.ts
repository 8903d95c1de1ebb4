import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Which rooms a room may import from; DESIGN: cli … → gateway, hub, simulators, infra → streams → kafka → contract. */
const ALLOWED: Record<string, readonly string[]> = {
  contract: [],
  kafka: ['contract'],
  streams: ['kafka', 'contract'],
  gateway: ['kafka', 'contract'],
  hub: ['streams', 'kafka', 'contract'],
  simulators: ['kafka', 'contract'],
  infra: ['kafka', 'contract'],
};
const TOP = ['cli', 'examples', 'bench', 'test', 'grafana'];
/** Rooms whose doors are one level down. */
const DIVIDED = ['gateway', 'streams', 'hub', 'simulators', 'infra'];
const PURE = ['contract/', 'streams/core/'];

interface Import {
  readonly file: string;
  readonly target: string;
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), 'utf8');
  const found = [...text.matchAll(/(?:from|import)\s*\(?\s*(?:new URL\()?'([^']+)'/g)].map((m) => m[1]!);
  return found.map((target) => ({
    file,
    target: target.startsWith('.') ? normalize(join(dirname(file), target)) : target,
  }));
}

const isTest = (file: string) => file.endsWith('.test.ts') || file.startsWith('test/');
const roomOf = (path: string) => path.split('/')[0]!;
/** The part of the house behind one door: `contract`, `hub/jobs`. */
function houseOf(path: string): string {
  const [room, part, ...rest] = path.split('/');
  return DIVIDED.includes(room!) && rest.length > 0 ? `${room}/${part}` : room!;
}

function problem({ file, target }: Import): string | undefined {
  const bare =
    !target.includes('/') || target.startsWith('node:') || target.startsWith('@') || !ROOMS.has(roomOf(target));
  if (bare) {
    if (target === 'kafkajs' && roomOf(file) !== 'kafka' && !isTest(file))
      return 'only kafka/ may know the client library';
    if (target.startsWith('node:') && PURE.some((p) => file.startsWith(p)) && !isTest(file))
      return 'this room does no I/O';
    return undefined;
  }
  const [from, to] = [roomOf(file), roomOf(target)];
  if (from !== to && !TOP.includes(from) && !ALLOWED[from]?.includes(to)) {
    // A unit's own test may start the real servers that it needs.
    if (!(isTest(file) && target === 'infra/local/index.ts')) return `${from}/ may not import from ${to}/`;
  }
  if (file.startsWith('streams/core/') && to === 'kafka') return 'streams/core knows no Kafka';
  if (houseOf(file) !== houseOf(target) && !target.endsWith('/index.ts') && !isEntry(target)) {
    return 'another room is entered through its index.ts';
  }
  return undefined;
}

/** The programs' own entries, which belong to no part of their room. */
const isEntry = (target: string) => /^(gateway|hub)\/main\.ts$/.test(target) || TOP.includes(roomOf(target));
const ROOMS = new Set([...Object.keys(ALLOWED), ...TOP]);

test('imports keep the direction of the house and go through doors', () => {
  const files = globSync('**/*.ts', { cwd: root, exclude: (name) => /^(node_modules|\.headwater)$/.test(name) });
  expect(files.length).toBeGreaterThan(20);
  const problems = files.flatMap((file) =>
    importsOf(file).flatMap((i) => {
      const reason = ROOMS.has(roomOf(file)) ? problem(i) : undefined;
      return reason ? [`${file} → ${i.target}: ${reason}`] : [];
    }),
  );
  expect(problems).toEqual([]);
});

test.each([
  ['hub/jobs/a.ts', 'gateway/buffer/index.ts'],
  ['gateway/main.ts', 'hub/web/index.ts'],
  ['hub/jobs/a.ts', 'contract/units.ts'],
  ['streams/core/a.ts', 'kafka/index.ts'],
  ['hub/jobs/a.ts', 'kafkajs'],
  ['contract/a.ts', 'node:fs'],
  ['kafka/a.ts', 'hub/jobs/index.ts'],
])('an import of %s from %s is refused', (file, target) => {
  expect(problem({ file, target })).toBeDefined();
});
