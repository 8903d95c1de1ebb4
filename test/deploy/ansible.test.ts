import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openAuthority } from '../../infra/local/index.ts';

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
