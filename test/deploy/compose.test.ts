import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, globSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { loadStoresConfig } from '../../hub/sinks/index.ts';
import { workerProperties } from '../../infra/local/index.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const dir = join(root, 'infra/compose');
const read = (file: string) => readFileSync(join(dir, file), 'utf8');
const stores = parse(read('stores.yaml'), { merge: true });
interface Service {
  readonly image?: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly ports?: readonly string[];
  readonly secrets?: readonly string[];
  readonly configs?: readonly { readonly source: string }[];
  readonly volumes?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly restart: string;
  readonly security_opt: readonly string[];
}
const services = Object.entries<Service>(stores.services);

test('the compose file builds from files that exist and gives its service no more than it needs', () => {
  const { services, volumes } = parse(read('compose.yaml'));
  const { platform } = services;
  expect(existsSync(resolve(dir, platform.build.context, platform.build.dockerfile))).toBe(true);
  expect(platform).toMatchObject({ read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'] });
  for (const volume of platform.volumes) expect(volumes).toHaveProperty(volume.split(':')[0]);
});

const compose = [['docker', 'compose'] as const, ['docker-compose'] as const].find(
  ([program, ...more]) => spawnSync(program, [...more, 'version']).status === 0,
);
test.skipIf(compose === undefined).each(['compose.yaml', 'stores.yaml'])(
  'Compose itself takes %s (needs docker compose)',
  (file) => {
    // Only version 2 knows it.
    const input = read(file).replace(/^name: .*\n/m, '');
    const [program, ...more] = compose!;
    const args = [...more, '--project-directory', dir, '-p', 'headwater', '-f', '-', 'config'];
    const config = (brokers: string) => {
      const env = { ...process.env, HEADWATER_BROKERS: brokers };
      return spawnSync(program, args, { input, env, encoding: 'utf8' });
    };
    const done = config('kafka-1.example.org:9093');
    expect(done.stderr.replace(/^.*will be ignored.*\n/gm, '')).toBe('');
    expect(Object.keys(parse(done.stdout).services).sort()).toEqual(
      Object.keys(parse(read(file), { merge: true }).services).sort(),
    );
    if (file === 'stores.yaml') expect(config('').stderr).toContain('the brokers, such as');
  },
);

test('the image runs a command that exists, as a user that is not root', () => {
  const file = read('Dockerfile');
  expect(file).toMatch(/^USER headwater$/m);
  expect(existsSync(join(root, 'cli/main.ts'))).toBe(true);
});

test.each(services)(
  '%s is pinned or built from files that exist, reached on loopback alone, and allowed no more rights',
  (_, service) => {
    if (service.build) {
      const context = resolve(dir, service.build.context);
      const file = readFileSync(join(context, service.build.dockerfile), 'utf8');
      for (const [, source] of file.matchAll(/^COPY (?!--from)(\S+) \S+$/gm))
        expect(existsSync(join(context, source!)), source).toBe(true);
      for (const [, image] of file.matchAll(/^FROM (\S+)/gm)) expect(image).toMatch(/:\d+\.\d+\.\d+/);
    } else expect(service.image).toMatch(/:\d+\.\d+\.\d+$/);
    for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
    expect(service.security_opt).toEqual(['no-new-privileges:true']);
    for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
      const known = stores.services[other] as Service;
      expect(condition === 'service_healthy' ? known.healthcheck : known.restart === 'no', other).toBeTruthy();
    }
  },
);

test('every secret, configuration and volume of stores.yaml is declared, used, and there', () => {
  const used = (of: (service: Service) => readonly string[]) =>
    [...new Set(services.flatMap(([, service]) => of(service)))].sort();
  expect(used(({ secrets = [] }) => secrets)).toEqual(Object.keys(stores.secrets).sort());
  expect(used(({ configs = [] }) => configs.map(({ source }) => source))).toEqual(Object.keys(stores.configs).sort());
  const mounted = used(({ volumes = [] }) =>
    volumes.map((volume) => volume.replace(/^\$\{.*?\}/, '$SECRETS').split(':')[0]!),
  );
  const named = mounted.filter((source) => /^[a-z]/.test(source));
  expect(named).toEqual(Object.keys(stores.volumes).sort());
  for (const source of mounted.filter((path) => path.startsWith('.')))
    expect(existsSync(resolve(dir, source)), source).toBe(true);
  for (const { file } of Object.values<{ file: string }>(stores.configs))
    expect(existsSync(resolve(dir, file)), file).toBe(true);
});

test('make-secrets.sh makes what stores.yaml mounts, says what is still to be copied, and changes nothing the second time', () => {
  const made = join(mkdtempSync(join(tmpdir(), 'headwater-compose-')), 'secrets');
  try {
    const make = () => spawnSync('sh', [join(dir, 'make-secrets.sh'), made], { encoding: 'utf8' });
    const first = make();
    expect(first.status, first.stderr).toBe(0);
    expect(statSync(made).mode & 0o777).toBe(0o700);
    const kafkas = ['kafka-ca.pem', 'connect.password'];
    for (const name of kafkas) expect(first.stderr).toContain(`now put ${name}`);
    const files = readdirSync(made).filter((name) => name.includes('.'));
    expect([...files, ...kafkas].sort()).toEqual(Object.keys(stores.secrets).sort());
    const before = files.map((name) => readFileSync(join(made, name), 'utf8'));
    expect(new Set(before).size).toBe(files.length);
    for (const secret of before) expect(secret.length).toBeGreaterThan(40);
    make();
    expect(files.map((name) => readFileSync(join(made, name), 'utf8'))).toEqual(before);
  } finally {
    rmSync(resolve(made, '..'), { recursive: true });
  }
});

test('apply.yaml is what `headwater stores` accepts, with the secrets and folders that its container has', () => {
  const { influx, mongo } = loadStoresConfig(join(dir, 'apply.yaml'));
  const { secrets, volumes } = stores.services.apply as Required<Service>;
  for (const file of [influx!.adminTokenFile, mongo!.uriFile])
    expect(secrets.map((name) => `/run/secrets/${name}`)).toContain(file);
  for (const file of [influx!.hubTokenFile, influx!.grafanaTokenFile])
    expect(
      volumes.some((volume) => volume.endsWith(`:${resolve(file, '..')}`)),
      file,
    ).toBe(true);
  expect([new URL(influx!.url).hostname, new URL(mongo!.connect.url).hostname]).toEqual(['influxdb', 'connect']);
});

test('connect.properties is what the worker of the tests runs with, but for addresses, replicas and places of files', () => {
  const entries = (text: string) =>
    Object.fromEntries(
      text
        .split('\n')
        .flatMap((line) =>
          /^[a-z]/.test(line) ? [[line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]] : [],
        ),
    );
  const here = entries(read('connect.properties'));
  const there = entries(
    workerProperties({
      // biome-ignore lint/suspicious/noTemplateCurlyInString: of Kafka's configuration
      brokers: ['${env:HEADWATER_BROKERS}'],
      caPath: '/run/secrets/kafka-ca.pem',
      username: 'connect',
      passwordFile: '/run/secrets/connect.password',
      port: 8083,
      replication: 3,
      secretsDir: '/run/secrets',
    }),
  );
  const own = (of: Record<string, string>) =>
    Object.fromEntries(
      Object.entries(of).filter(
        ([key]) => !/^listeners$|^rest\.advertised|replication\.factor$|^config\.providers/.test(key),
      ),
    );
  expect(own(here)).toEqual(own(there));
  expect(here['config.providers.file.param.allowed.paths']).toBe('/run/secrets');
});

test('Grafana has every variable that its provisioning asks for, and reads its token from the file that `apply` writes', () => {
  const { environment } = stores.services.grafana as Required<Service>;
  const files = globSync('grafana/generated/provisioning/**/*.yaml', { cwd: root });
  expect(files.length).toBeGreaterThan(3);
  const asked = new Set(
    files.flatMap((file) => readFileSync(join(root, file), 'utf8').match(/(?<=\$\{)HEADWATER_\w+(?=\})/g) ?? []),
  );
  expect([...asked].filter((name) => environment[name] === undefined)).toEqual([]);
  expect(environment.HEADWATER_INFLUX_TOKEN).toBe('$$__file{/tokens/influx.token}');
});

test('no secret stands in a file of the repository', () => {
  const ignored = execFileSync('git', ['check-ignore', 'infra/compose/secrets/mongo.password'], {
    cwd: root,
    encoding: 'utf8',
  });
  expect(ignored.trim()).toBe('infra/compose/secrets/mongo.password');
  expect(readFileSync(join(root, '.dockerignore'), 'utf8')).toContain('infra/compose/secrets');
});
