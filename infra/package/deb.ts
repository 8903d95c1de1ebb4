import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { constants, gzipSync, zstdCompressSync } from 'node:zlib';
import { type Architecture, nodeLicence } from './node-runtime.ts';
import { type Entry, foldersOf, tar } from './tar.ts';

export const DEBIAN_ARCHITECTURE: Record<Architecture, string> = { x64: 'amd64', arm64: 'arm64' };

const CONFIG = 'etc/headwater/gateway.yaml';

export interface DebOptions {
  readonly version: string;
  readonly architecture: Architecture;
  readonly binary: Buffer;
  /** Of the packages in the binary. */
  readonly licences: string;
}

/**
 * A Debian package of the gateway: the binary, its systemd unit, its system user and an example configuration. Written here, so that it can be built
 * where there is no dpkg; the same content gives the same bytes.
 */
export function buildDeb({ version, architecture, binary, licences }: DebOptions): Buffer {
  const files: Entry[] = [
    { path: CONFIG, mode: 0o640, content: exampleConfig() },
    { path: 'usr/bin/headwater-gateway', mode: 0o755, content: binary },
    { path: 'usr/lib/headwater/with-notify', mode: 0o755, content: own('debian/with-notify') },
    {
      path: 'usr/lib/systemd/system/headwater-gateway.service',
      mode: 0o644,
      content: own('debian/headwater-gateway.service'),
    },
    { path: 'usr/lib/sysusers.d/headwater-gateway.conf', mode: 0o644, content: own('debian/sysusers.conf') },
    { path: 'usr/share/doc/headwater-gateway/copyright', mode: 0o644, content: own('../../LICENSE') },
    { path: 'usr/share/doc/headwater-gateway/licences-of-packages', mode: 0o644, content: licences },
    { path: 'usr/share/doc/headwater-gateway/licence-of-node', mode: 0o644, content: nodeLicence(architecture) },
  ];
  const scripts = ['postinst', 'prerm', 'postrm'].map((name) => ({
    path: name,
    mode: 0o755,
    content: own(`debian/${name}`),
  }));
  const control = [
    { path: 'control', mode: 0o644, content: controlFile(version, architecture, files) },
    { path: 'conffiles', mode: 0o644, content: `/${CONFIG}\n` },
    { path: 'md5sums', mode: 0o644, content: files.map(md5Line).join('') },
    ...scripts,
  ];
  const folders = foldersOf(files.map(({ path }) => path)).map((path) => ({ path, mode: 0o755 }));
  return ar([
    { name: 'debian-binary', content: Buffer.from('2.0\n') },
    { name: 'control.tar.gz', content: gzipSync(tar(control)) },
    { name: 'data.tar.zst', content: zstd(tar([...folders, ...files])) },
  ]);
}

const own = (file: string): Buffer => readFileSync(fileURLToPath(new URL(file, import.meta.url)));

/** The example of the sources, without the line for editors: its schema lies elsewhere on a gateway. */
function exampleConfig(): string {
  return own('../../gateway/config/example.yaml')
    .toString()
    .replace(/^# yaml-language-server:.*\n/, '');
}

function controlFile(version: string, architecture: Architecture, files: readonly Entry[]): string {
  const bytes = files.reduce((sum, { content }) => sum + Buffer.byteLength(content!), 0);
  return `Package: headwater-gateway
Version: ${version}
Architecture: ${DEBIAN_ARCHITECTURE[architecture]}
Maintainer: The Headwater project <headwater@localhost>
Installed-Size: ${Math.ceil(bytes / 1024)}
Depends: libc6 (>= 2.28), libstdc++6 (>= 9), perl-base, systemd (>= 247)
Recommends: udev
Section: net
Priority: optional
Description: edge gateway that carries sensor readings to Kafka
 Reads sensors over serial lines and MQTT, keeps every reading on its own disk
 until Kafka has it, and forwards over TLS.
`;
}

const md5Line = ({ path, content }: Entry): string => `${createHash('md5').update(content!).digest('hex')}  ${path}\n`;

/** Level 9 packs the binary to a third in seconds; 19 would take minutes for a tenth more. */
const zstd = (data: Buffer): Buffer => zstdCompressSync(data, { params: { [constants.ZSTD_c_compressionLevel]: 9 } });

function ar(members: readonly { readonly name: string; readonly content: Buffer }[]): Buffer {
  const parts = members.flatMap(({ name, content }) => [
    Buffer.from(
      `${name.padEnd(16)}${'0'.padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}100644  ${String(content.length).padEnd(10)}\`\n`,
    ),
    content,
    Buffer.alloc(content.length & 1, '\n'),
  ]);
  return Buffer.concat([Buffer.from('!<arch>\n'), ...parts]);
}
