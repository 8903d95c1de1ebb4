import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { loadHubConfig } from '../../hub/config/index.ts';
import { loadStoresConfig } from '../../hub/sinks/index.ts';
import { ensureProgram, INFLUXD, openAuthority, wantsInfluxDb, workerProperties } from '../../infra/local/index.ts';
import { bootMachine, type Machine, whyNoMachine } from '../support/machine.ts';
import { until } from '../support/testbed.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const ansible = join(root, 'infra/ansible');
const tool = process.env.ANSIBLE_PLAYBOOK ?? 'ansible-playbook';
const isThere = spawnSync(tool, ['--version']).status === 0;

function play(args: string[]) {
  const env = {
    ...process.env,
    ANSIBLE_LOCALHOST_WARNING: 'false',
    ANSIBLE_INVENTORY_UNPARSED_WARNING: 'false',
    LC_ALL: 'C.UTF-8',
  };
  return spawnSync(tool, args, { cwd: ansible, encoding: 'utf8', env });
}

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'headwater-ansible-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe.skipIf(!isThere)('the playbook (needs ansible-playbook)', () => {
  test('is sound in its syntax', () => {
    const { status, stderr } = play(['-i', 'inventory.example.ini', '--syntax-check', 'site.yml']);
    expect(stderr).toBe('');
    expect(status).toBe(0);
  });

  test.each(['influxdb', 'mongodb', 'connect', 'grafana'])(
    'does nothing of %s where no machine is to have it',
    (group) => {
      const { stdout } = play(['-i', 'inventory.example.ini', '--list-hosts', '--limit', group, 'site.yml']);
      expect(stdout).not.toContain('example.org');
    },
  );

  test('gives Headwater’s commands configurations of the stores that they accept', () => {
    const role = join(ansible, 'roles/hub');
    const rendered = (name: string) => join(dir, `with-stores-${name}`);
    const tasks = ['hub.yaml', 'stores.yaml'].map((name) => ({
      'ansible.builtin.template': { src: join(role, 'templates', `${name}.j2`), dest: rendered(name) },
    }));
    const vars = {
      headwater_etc: dir,
      headwater_var: dir,
      headwater_secrets_dir: dir,
      inventory_hostname_short: 'hub-1',
      headwater_brokers: ['kafka-1.example.org:9093'],
      headwater_influx_url: 'http://127.0.0.1:8086',
      headwater_connect_url: 'http://127.0.0.1:8083',
    };
    const written = {
      hosts: 'localhost',
      connection: 'local',
      gather_facts: false,
      vars_files: [join(role, 'defaults/main.yml')],
      tasks,
    };
    writeFileSync(join(dir, 'stores-render.yml'), JSON.stringify([written]));
    // Stronger than the defaults, as an inventory’s are.
    const done = play(['-e', JSON.stringify(vars), join(dir, 'stores-render.yml')]);
    expect(done.stdout + done.stderr).toContain('failed=0');
    expect(loadHubConfig(rendered('hub.yaml')).stores).toMatchObject({
      influx: { url: 'http://127.0.0.1:8086', tokenFile: join(dir, 'tokens/hub.token') },
      connect: { url: 'http://127.0.0.1:8083' },
    });
    expect(loadStoresConfig(rendered('stores.yaml'))).toMatchObject({
      influx: { adminTokenFile: join(dir, 'admin/influx-admin.token'), hubTokenFile: join(dir, 'tokens/hub.token') },
      mongo: {
        uriFile: join(dir, 'admin/mongo.properties'),
        connect: { url: 'http://127.0.0.1:8083', replication: 3 },
      },
    });
  });

  /** Plays tasks of a role here, as it would on its machine. */
  function playHere(role: string, tasks: object[], vars: object) {
    const folder = join(ansible, 'roles', role);
    const book = join(dir, `${role}-here.yml`);
    const [hosts, connection] = ['localhost', 'local'];
    const handlers = ['Restart Grafana'].map((name) => ({ name, 'ansible.builtin.debug': { msg: name } }));
    const what = { hosts, connection, gather_facts: false, vars_files: [join(folder, 'defaults/main.yml')], tasks };
    writeFileSync(book, JSON.stringify([{ ...what, handlers }]));
    const done = play(['-e', JSON.stringify({ role_path: folder, ...vars }), book]);
    expect(done.stdout + done.stderr).toContain('failed=0');
  }
  const template = (name: string) => ({
    'ansible.builtin.template': { src: `{{ role_path }}/templates/${name}.j2`, dest: join(dir, name) },
  });

  test('gives a Connect worker the properties of the tests’ worker, but for addresses, replicas and places of files', () => {
    const vars = { connect_etc: dir, headwater_brokers: ['kafka-1.example.org:9093', 'kafka-2.example.org:9093'] };
    playHere('connect', [template('worker.properties')], { ...vars, headwater_secrets_dir: dir });
    const entries = (text: string) =>
      new Map(
        text
          .split('\n')
          .flatMap((line) => (/^[a-z]/.test(line) ? [/^([^=]*)=(.*)$/.exec(line)!.slice(1) as [string, string]] : [])),
      );
    const there = workerProperties({
      brokers: vars.headwater_brokers,
      caPath: join(dir, 'ca.pem'),
      username: 'connect',
      passwordFile: join(dir, 'secrets/connect.password'),
      port: 8083,
      replication: 3,
      secretsDir: join(dir, 'secrets'),
    });
    expect(entries(readFileSync(join(dir, 'worker.properties'), 'utf8'))).toEqual(entries(there));
  });

  test('gives MongoDB a configuration that is the same with several addresses, and asks for a login', () => {
    playHere('mongodb', [template('mongod.conf')], { mongodb_bind_ip: '127.0.0.1,10.0.0.5' });
    expect(parse(readFileSync(join(dir, 'mongod.conf'), 'utf8'))).toMatchObject({
      net: { port: 27017, bindIp: '127.0.0.1,10.0.0.5' },
      security: { authorization: 'enabled' },
    });
  });

  test('gives Grafana its files with the address of the runbooks, and keeps secrets out of its environment', () => {
    const settings = {
      grafana_etc: join(dir, 'grafana'),
      grafana_group: String(process.getgid!()),
      grafana_runbook_url: 'https://docs.example.org/100%/runbooks',
      grafana_alert_email: 'Mira <mira@example.org>; ben@example.org',
      grafana_alert_webhook_url: 'https://chat.example.org/hooks/swordfish',
      headwater_secrets_dir: dir,
    };
    const tasks = [
      { 'ansible.builtin.import_tasks': '{{ role_path }}/tasks/provisioning.yml' },
      template('headwater.conf'),
    ];
    playHere('grafana', tasks, settings);
    const files = globSync('**/*.{yaml,json}', { cwd: join(root, 'grafana/generated') }).sort();
    expect(globSync('**/*.{yaml,json}', { cwd: settings.grafana_etc }).sort()).toEqual(files);
    for (const file of files) {
      const made = readFileSync(join(root, 'grafana/generated', file), 'utf8');
      const wanted = made.replaceAll(/\$\{HEADWATER_RUNBOOK_URL\}/g, settings.grafana_runbook_url);
      const isRules = file.endsWith('rules.yaml');
      expect(readFileSync(join(settings.grafana_etc, file), 'utf8'), file).toBe(isRules ? wanted : made);
      expect(made === wanted, file).toBe(!isRules);
    }
    const unit = readFileSync(join(dir, 'headwater.conf'), 'utf8');
    expect(unit).toContain('\nEnvironment="HEADWATER_ALERT_EMAIL=Mira <mira@example.org>; ben@example.org"\n');
    expect(unit).toContain('\nEnvironment="HEADWATER_RUNBOOK_URL=https://docs.example.org/100%%/runbooks"\n');
    expect(unit).not.toContain('swordfish');
  });

  test.each(['gateway', 'hub'])('gives a %s a configuration that it accepts', async (program) => {
    const rendered = join(dir, `${program}.yaml`);
    for (const name of [
      'gateway.password',
      'mqtt-devices.password',
      'hub.password',
      'sources.password',
      'page.password',
    ]) {
      writeFileSync(join(dir, name), 'x');
    }
    copyFileSync((await openAuthority(join(dir, 'pki'))).caPath, join(dir, 'ca.pem'));
    const playbook = join(dir, `${program}-render.yml`);
    const vars = {
      headwater_etc: dir,
      headwater_var: dir,
      headwater_brokers: ['kafka-1.example.org:9093'],
      inventory_hostname_short: 'gw-1',
      headwater_serial: [{ path: '/dev/ttyUSB0', baudRate: 115200, acknowledge: true }],
      headwater_mqtt_accounts: [{ username: 'devices', password_file: 'x', publish: ['devices/#'] }],
      headwater_web_logs: [{ name: 'shop', file: '/var/log/nginx/access.log' }],
    };
    const role = join(ansible, 'roles', program);
    const template = (name: string, dest: string) => ({
      'ansible.builtin.template': { src: join(role, 'templates', `${name}.j2`), dest },
    });
    const unit = join(dir, `${program}.service`);
    const tasks = [template(`${program}.yaml`, rendered), template(`headwater-${program}.service`, unit)];
    const written = [
      {
        hosts: 'localhost',
        connection: 'local',
        gather_facts: false,
        vars_files: [join(role, 'defaults/main.yml')],
        vars: { ...vars, role_path: role, headwater_dir: root },
        tasks,
      },
    ];
    writeFileSync(playbook, JSON.stringify(written));
    const done = play([playbook]);
    expect(done.stdout + done.stderr).toContain('failed=0');
    const check = spawnSync(process.execPath, ['cli/main.ts', program, 'check', '--config', rendered], {
      cwd: root,
      encoding: 'utf8',
    });
    expect(check.stderr).toBe('');
    expect(check.stdout).toContain('is good');
    const flags = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))[`${program}Flags`];
    expect(readFileSync(unit, 'utf8')).toContain(`bin/node ${flags.join(' ')} ${root}`);
  });
});

const missing = !isThere ? 'ansible-playbook' : (whyNoMachine() ?? (wantsInfluxDb() ? undefined : 'npm run stores'));

describe.skipIf(missing !== undefined)(
  `the role influxdb on a machine with real systemd${missing ? ` (missing: ${missing})` : ''}`,
  () => {
    const ADDRESS = '10.77.0.71';
    let machine: Machine;
    let inventory: string;

    beforeAll(async () => {
      machine = bootMachine('hw-influx', ADDRESS);
      const key = join(dir, 'key');
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
      machine.run('mkdir -p /root/.ssh && cat >/root/.ssh/authorized_keys', readFileSync(`${key}.pub`));
      // An archive as its publisher's: the server, somewhere in it.
      const binary = await ensureProgram(INFLUXD);
      const archive = join(dir, 'influxdb.tar.gz');
      execFileSync('tar', [
        '--use-compress-program',
        'gzip -1',
        '-C',
        dirname(binary),
        '-cf',
        archive,
        basename(binary),
      ]);
      machine.run('cat >/root/influxdb.tar.gz', readFileSync(archive));
      const checksum = createHash('sha256').update(readFileSync(archive)).digest('hex');
      for (const name of ['influx-admin.password', 'influx-admin.token'])
        writeFileSync(join(dir, name), 'a-long-secret');
      const common = '-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR';
      inventory = join(dir, 'machine.ini');
      const settings = {
        ansible_host: ADDRESS,
        ansible_user: 'root',
        ansible_ssh_private_key_file: key,
        ansible_ssh_common_args: `"${common}"`,
        influxdb_archive_url: 'file:///root/influxdb.tar.gz',
        influxdb_archive_checksum: `sha256:${checksum}`,
        headwater_secrets_dir: dir,
      };
      const line = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
      writeFileSync(inventory, `[influxdb]\nmachine ${line.join(' ')}\n`);
    }, 900_000);
    afterAll(() => machine?.close());

    const run = () => play(['-i', inventory, '--limit', 'influxdb', 'site.yml']);
    const setup = () =>
      machine.run(
        `python3 -c 'import urllib.request as u; print(u.urlopen("http://127.0.0.1:8086/api/v2/setup").read().decode())'`,
      );

    test('installs it, sets it up, and has it run as a service of its own with few rights', () => {
      const { stdout, stderr } = run();
      expect(stdout + stderr).toMatch(/machine\s+: ok=\d+ .*failed=0/);
      expect(JSON.parse(setup())).toEqual({ allowed: false });
      expect(machine.run('systemctl show -P ActiveState -P User influxdb').trim().split('\n').sort()).toEqual([
        'active',
        'influxdb',
      ]);
      expect(
        machine
          .run('ss -Hltn')
          .split('\n')
          .filter((line) => line.includes(':8086')),
      ).toEqual([expect.stringContaining('127.0.0.1:8086')]);
      expect(machine.run('stat -c %a /var/lib/influxdb').trim()).toBe('700');
      expect(stdout + stderr).not.toContain('a-long-secret');
    });

    test('changes nothing the second time', () => {
      expect(run().stdout).toMatch(/machine\s+: ok=\d+ +changed=0 /);
    });

    test('has it started again after it was killed', async () => {
      const before = machine.run('systemctl show -P MainPID influxdb').trim();
      machine.run(`kill -9 ${before}`);
      await until('it runs again', 120, () => {
        const now = machine.run('systemctl show -P MainPID influxdb').trim();
        return now !== '0' && now !== before && machine.run('ss -Hltn').includes('127.0.0.1:8086');
      });
    });

    test('refuses an archive that is not the one that was chosen', () => {
      const { status, stdout } = play([
        '-i',
        inventory,
        '--limit',
        'influxdb',
        '-e',
        `influxdb_archive_checksum=sha256:${'0'.repeat(64)}`,
        '-e',
        'influxdb_version=other',
        'site.yml',
      ]);
      expect(status).not.toBe(0);
      expect(stdout).toMatch(/checksum .* did not match/i);
    });
  },
);
