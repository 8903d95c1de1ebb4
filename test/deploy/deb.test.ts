import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectAsync } from 'mqtt';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openAuthority } from '../../infra/local/index.ts';
import { type Architecture, buildDeb, buildPackages } from '../../infra/package/index.ts';
import pkg from '../../package.json' with { type: 'json' };
import { bootMachine, type Machine, whyNoMachine } from '../support/machine.ts';
import { until } from '../support/testbed.ts';

// The Debian package on a machine with real systemd, while Kafka is away. The tests follow one another, as the life of a gateway does.

const ADDRESS = '10.77.0.61';
const CONFIG = `
gateway: { id: gw-1, site: plant }
buffer: { dir: /var/lib/headwater }
kafka: { brokers: ["127.0.0.1:9"], caFile: ca.pem, username: gateway, passwordFile: kafka.password }
inputs:
  mqtt: { host: 0.0.0.0, port: 1883, plaintext: true, accounts: [{ username: d, passwordFile: d.password, publish: ["devices/#"] }] }
http: { host: 127.0.0.1, port: 8790 }
`;
const missing = whyNoMachine();
const architecture = process.arch as Architecture;

describe.skipIf(missing !== undefined)(
  `the Debian package (needs a test machine${missing ? `; missing: ${missing}` : ''})`,
  () => {
    let dir: string;
    let machine: Machine;

    beforeAll(async () => {
      dir = mkdtempSync(join(tmpdir(), 'headwater-deb-'));
      const built = (await buildPackages({ out: dir, architectures: [architecture] }))[architecture]!;
      machine = bootMachine('hw-deb', ADDRESS);
      machine.run('cat >/root/gateway.deb', readFileSync(built.deb));
      const newer = buildDeb({
        version: `${pkg.version}+next`,
        architecture,
        binary: readFileSync(built.binary),
        licences: '',
      });
      machine.run('cat >/root/newer.deb', newer);
    }, 600_000);
    afterAll(() => {
      machine?.close();
      if (dir) rmSync(dir, { recursive: true, force: true });
    });

    const property = (name: string) => machine.run(`systemctl show -P ${name} headwater-gateway`).trim();
    const state = (path: string) => machine.run(`stat -c '%A %U %G' ${path}`).trim();
    const backlog = (): number => {
      const status = machine.run('headwater-gateway gateway status --json');
      return (JSON.parse(status) as { backlog: { readings: number } }).backlog.readings;
    };
    const restarted = (from: string) =>
      until('systemd has started it again', 60, () => {
        return !['0', from].includes(property('MainPID')) && property('ActiveState') === 'active';
      });

    /** Publishes `count` readings from outside the machine, each acknowledged. */
    async function publish(count: number): Promise<void> {
      const client = await connectAsync(`mqtt://${ADDRESS}:1883`, { username: 'd', password: 'secret' });
      for (let n = 0; n < count; n++) await client.publishAsync('devices/d/count', String(n), { qos: 1 });
      await client.endAsync();
    }

    test('installs beside an example configuration, and says what to fill in', () => {
      const said = machine.run('dpkg -i /root/gateway.deb 2>&1');
      expect(said).toContain('fill in /etc/headwater/gateway.yaml');
      expect(state('/etc/headwater')).toBe('drwxr-x--- root headwater');
      expect(state('/etc/headwater/gateway.yaml')).toBe('-rw-r----- root headwater');
      expect(property('UnitFileState')).toBe('enabled');
      expect(property('ActiveState')).toBe('inactive');
    });

    test('runs as its own user once it is configured, and is ready when systemd says so', async () => {
      const authority = await openAuthority(join(dir, 'pki'));
      const write = (name: string, text: string) =>
        machine.run(`cd /etc/headwater && cat >${name} && chgrp headwater ${name} && chmod 0640 ${name}`, text);
      write('ca.pem', authority.ca);
      write('kafka.password', 'secret\n');
      write('d.password', 'secret\n');
      write('gateway.yaml', CONFIG);
      machine.run('runuser -u headwater -- headwater-gateway gateway check');
      machine.run('systemctl start headwater-gateway');
      expect(machine.run('headwater-gateway gateway status')).toContain('gw-1');
      expect(machine.run(`stat -c %U /proc/${property('MainPID')}`).trim()).toBe('headwater');
      expect(state('/var/lib/headwater')).toBe('drwxr-x--- headwater headwater');
    });

    test('is shut in: systemd finds little that it could do to the machine', () => {
      const report = machine.run('systemd-analyze security --no-pager headwater-gateway || true');
      const exposure = Number(/Overall exposure level for .*: ([\d.]+)/.exec(report)?.[1]);
      console.log(`systemd-analyze security headwater-gateway: ${exposure}`);
      expect(exposure).toBeLessThanOrEqual(2);
    });

    test('is started again by systemd after a kill -9, with what it had acknowledged', async () => {
      await publish(100);
      const pid = property('MainPID');
      machine.run(`kill -9 ${pid}`);
      await restarted(pid);
      expect(backlog()).toBe(100);
    });

    test('holds readings until a time service has set the clock, which it is told of within its confines', async () => {
      // A service that never sets anything, and no clock with a battery; the kernel of this computer may be synchronised.
      machine.run(`
        [ ! -d /sys/class/rtc ] || mount -t tmpfs tmpfs /sys/class/rtc
        mkdir -p /usr/lib/systemd/ntp-units.d && echo idle-ntp.service >/usr/lib/systemd/ntp-units.d/10-idle.list
        printf '[Service]\nExecStart=sleep infinity\n' >/run/systemd/system/idle-ntp.service
        printf '#!/bin/sh\ntimedatectl=/usr/bin/timedatectl\n$timedatectl "$@" | sed s/Synchronized=yes/Synchronized=no/\n' >/usr/local/bin/timedatectl
        chmod +x /usr/local/bin/timedatectl
        systemctl daemon-reload && systemctl start idle-ntp && systemctl restart systemd-timedated
        rm /var/lib/headwater/clock-set-in && systemctl restart headwater-gateway`);
      const status = () => machine.run('headwater-gateway gateway status');
      expect(status()).toContain('the clock of this machine is not set: readings are held');
      await publish(1);
      expect(backlog()).toBe(100);

      machine.run('mkdir -p /run/systemd/timesync && touch /run/systemd/timesync/synchronized');
      await until('what was held is in the buffer', 60, () => backlog() === 101);
      expect(status()).not.toContain('the clock');
      machine.run('rm -r /run/systemd/timesync && systemctl restart headwater-gateway');
      expect(status()).not.toContain('the clock');
      machine.run('rm /usr/local/bin/timedatectl && systemctl stop idle-ntp');
    });

    test('reads its configuration again on a reload, as the same process', async () => {
      const pid = property('MainPID');
      machine.run(
        `sed -i 's/^gateway:/log: { level: debug }\\n&/' /etc/headwater/gateway.yaml && systemctl reload headwater-gateway`,
      );
      await until('it is ready again', 20, () => property('ActiveState') === 'active');
      await until('the log tells of it', 20, () =>
        machine.run('journalctl -u headwater-gateway').includes('was read again'),
      );
      expect(property('MainPID')).toBe(pid);
    });

    test('is killed by the watchdog when it hangs, and started again', async () => {
      const dropIn = '/run/systemd/system/headwater-gateway.service.d';
      machine.run(`mkdir -p ${dropIn} && printf '[Service]\\nWatchdogSec=5\\n' >${dropIn}/quick.conf`);
      machine.run('systemctl daemon-reload && systemctl restart headwater-gateway && sleep 8');
      expect(property('NRestarts')).toBe('0');
      const pid = property('MainPID');
      machine.run(`kill -STOP ${pid}`);
      await restarted(pid);
      expect(property('NRestarts')).toBe('1');
      machine.run(`rm -r ${dropIn} && systemctl daemon-reload`);
    });

    test('goes on after an upgrade with its buffer and its configuration', async () => {
      const pid = property('MainPID');
      machine.run('dpkg -i /root/newer.deb');
      expect(property('MainPID')).not.toBe(pid);
      expect(property('ActiveState')).toBe('active');
      expect(machine.run('dpkg -s headwater-gateway')).toContain(`Version: ${pkg.version}+next\n`);
      expect(machine.run('cat /etc/headwater/gateway.yaml')).toContain('id: gw-1');
      expect(backlog()).toBe(101);
      await publish(1);
      expect(backlog()).toBe(102);
    });

    test('reads a serial line', async () => {
      // A line whose other end sends a reading twice a second. systemd lets every service have pseudo-terminals.
      const line = `import os, pty, shutil, time
ours, theirs = pty.openpty()
shutil.chown(os.ttyname(theirs), group="dialout")
os.chmod(os.ttyname(theirs), 0o660)
os.symlink(os.ttyname(theirs), "/run/line")
while True:
    os.write(ours, b'{"device":"board","values":{"temperature":21.5}}\\n')
    time.sleep(0.5)`;
      machine.run('cat >/root/line.py && systemd-run --quiet --unit=line python3 /root/line.py', line);
      const serial = 'serial: [{ path: /run/line, baudRate: 115200, acknowledge: false }]';
      machine.run(`sed -i 's|^inputs:|&\\n  ${serial}|' /etc/headwater/gateway.yaml`);
      const before = backlog();
      machine.run('systemctl restart headwater-gateway');
      await until('readings from the line', 60, () => backlog() > before);
    });

    test('may open serial lines, and no other devices', () => {
      // Of devices that are not there the kernel says so, once the unit's policy lets somebody ask for them.
      const lines = { ttyS: 4, ttyACM: 166, ttyUSB: 188, ttyAMA: 204 };
      const others = { mem: 1, misc: 10, input: 13, rfcomm: 216 };
      const nodes = Object.entries({ ...lines, ...others }).map(
        ([name, major]) => `mknod /root/${name} c ${major} 255`,
      );
      machine.run(nodes.join(' && '));
      const names = [...Object.keys(lines), ...Object.keys(others)];
      machine.run(
        'cat >/root/probe && chmod +x /root/probe',
        `#!/bin/sh\nfor name in ${names.join(' ')}; do (exec 3<>/root/$name) 2>&1; done >/root/probed\nexit 0`,
      );
      const dropIn = '/run/systemd/system/headwater-gateway.service.d';
      machine.run(`mkdir -p ${dropIn} && printf '[Service]\\nExecStartPre=+/root/probe\\n' >${dropIn}/probe.conf`);
      machine.run('systemctl daemon-reload && systemctl restart headwater-gateway');
      const said = machine.run('cat /root/probed').trim().split('\n');
      const answers = said.map((line) => /create .root.(\w+): (.+)/.exec(line)?.slice(1));
      expect(answers).toEqual([
        ...Object.keys(lines).map((name) => [name, 'No such device or address']),
        ...Object.keys(others).map((name) => [name, 'Operation not permitted']),
      ]);
      machine.run(`rm -r ${dropIn} && systemctl daemon-reload`);
    });

    test('keeps its buffer when it is removed, and gives it up when it is purged', () => {
      machine.run('dpkg -r headwater-gateway');
      expect(machine.run('pgrep -u headwater || echo none').trim()).toBe('none');
      expect(machine.run('ls /var/lib/headwater')).toContain('buffer.db');
      expect(machine.run('ls /etc/headwater')).toContain('kafka.password');
      machine.run('dpkg -P headwater-gateway');
      expect(machine.run('ls -d /var/lib/headwater 2>/dev/null || echo gone').trim()).toBe('gone');
      expect(machine.run('ls /etc/headwater/gateway.yaml 2>/dev/null || echo gone').trim()).toBe('gone');
    });
  },
);
