import { fileURLToPath } from 'node:url';

/** How a server that nobody packages for Node or Maven is built from its Go modules. */
export interface Recipe {
  /** Of the program, and of the file it becomes. */
  readonly name: string;
  /** How messages call it. */
  readonly title: string;
  readonly version: string;
  /** Folder with `go.mod` and `go.sum`, which pin every module, and whatever else is compiled. */
  readonly sources: string;
  /** What is built: a module's path, or `.` for the folder itself. */
  readonly target: string;
  readonly tags: readonly string[];
  readonly ldflags: string;
  /** Parts of it are written in Rust, and found through InfluxData's own pkg-config. */
  readonly rust: boolean;
  /** What it takes on a machine that has none of its parts yet, for people. */
  readonly cost: string;
  /** Arguments with which the built program prints its version and ends. */
  readonly check: readonly string[];
}

export const INFLUXD: Recipe = {
  name: 'influxd',
  title: 'InfluxDB',
  version: '2.7.12',
  sources: fileURLToPath(new URL('./influxd', import.meta.url)),
  target: 'github.com/influxdata/influxdb/v2/cmd/influxd',
  tags: ['sqlite_foreign_keys', 'sqlite_json'],
  ldflags: '-X main.version=v2.7.12',
  rust: true,
  cost: 'about 13 minutes of one core and 3 GB of disk',
  check: ['version'],
};

/** Speaks the protocol of MongoDB, which no registry has, on SQLite: for tests and laptops. */
export const FERRETDB: Recipe = {
  name: 'ferretdb',
  title: 'FerretDB',
  version: '1.24.2',
  sources: fileURLToPath(new URL('./ferretdb', import.meta.url)),
  target: '.',
  tags: ['ferretdb_no_postgresql'],
  ldflags: '-s -w',
  rust: false,
  cost: 'about 3 minutes of one core',
  check: ['--version'],
};

/** What `npm run stores` prepares. */
export const STORES: readonly Recipe[] = [FERRETDB, INFLUXD];
