import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TOPICS } from '../contract/index.ts';
import { InfluxAdminConfig, InfluxConfig, planInflux } from '../hub/sinks/index.ts';
import { startInfluxDb } from '../infra/local/index.ts';
import { type KafkaSettings, openProducer } from '../kafka/index.ts';
import pkg from '../package.json' with { type: 'json' };
import { inProcess, startBenchCluster } from './cluster.ts';
import type { InfluxAnswer, InfluxTask } from './influx-process.ts';
import { print, readSettings, round } from './settings.ts';

/** Readings as devices send them, of four metrics each: `total` of them, that end about now. */
async function fill(kafka: KafkaSettings, total: number, devices: number): Promise<void> {
  const producer = await openProducer(kafka);
  const metrics = ['temperature', 'humidity', 'pressure', 'battery'];
  const rounds = Math.ceil(total / devices / metrics.length);
  const start = Date.now() - rounds * 1_000;
  for (let sent = 0; sent < total; ) {
    const records = [];
    for (; records.length < 5_000 && sent < total; sent++) {
      const round = Math.floor(sent / devices / metrics.length);
      const device = `device-${String(sent % devices).padStart(4, '0')}`;
      const metric = metrics[Math.floor(sent / devices) % metrics.length];
      const [value, ts] = [Number((20 + 5 * Math.sin(sent / 1_000)).toFixed(2)), start + round * 1_000];
      const reading = { device, gateway: 'gw-1', site: 'home', metric, value, unit: 'Cel', ts, receivedAt: ts + 40 };
      records.push({ key: device, value: JSON.stringify(reading) });
    }
    await producer.send([{ topic: TOPICS.readings.name, records }]);
  }
  await producer.close();
}

/** From a topic that is full already, through the sink in a process of its own, into a real InfluxDB. */
export async function run(args: string[]): Promise<void> {
  const settings = readSettings(args, { points: 2_000_000, devices: 250, gzip: 0 });
  const cluster = await startBenchCluster();
  const dir = mkdtempSync(join(tmpdir(), 'headwater-bench-influx-'));
  const influx = await startInfluxDb({ dir }).catch(async (error) => {
    await cluster.close();
    throw error;
  });
  try {
    const tokens = { hubTokenFile: join(dir, 'hub.token'), grafanaTokenFile: join(dir, 'grafana.token') };
    const admin = InfluxAdminConfig.parse({ url: influx.url, adminTokenFile: influx.tokenFile, ...tokens });
    for (const change of await planInflux(admin)) await change.apply();
    await fill(cluster.as('admin'), settings.points, settings.devices);
    const task: InfluxTask = {
      kafka: cluster.as('stores'),
      influx: InfluxConfig.parse({ url: influx.url, tokenFile: admin.hubTokenFile, gzip: settings.gzip === 1 }),
      points: settings.points,
    };
    const before = cpuSeconds(influx.pid);
    const answer = await inProcess<InfluxAnswer>('./influx-process.ts', task, { flags: pkg.hubFlags });
    const serverCpu = cpuSeconds(influx.pid) - before;
    print({
      bench: 'influx',
      pointsPerSecond: Math.round(settings.points / answer.seconds),
      pointsPerCpuSecond: Math.round(settings.points / answer.cpuSeconds),
      pointsPerWrite: Math.round(settings.points / answer.writes),
      seconds: round(answer.seconds, 2),
      cpuSeconds: answer.cpuSeconds,
      rssMb: answer.rssMb,
      influxCpuSeconds: round(serverCpu, 2),
      influxRssMb: influx.peakRss(),
      ...settings,
    });
  } finally {
    await influx.close(0);
    rmSync(dir, { recursive: true, force: true });
    await cluster.close();
  }
}

/** Of a process of this machine, where it tells; 0 on macOS. */
function cpuSeconds(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return 0;
  }
}
