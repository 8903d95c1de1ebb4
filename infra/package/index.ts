import { createHash } from 'node:crypto';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pkg from '../../package.json' with { type: 'json' };
import { buildBinary } from './binary.ts';
import { bundleGateway } from './bundle.ts';
import { buildDeb, DEBIAN_ARCHITECTURE } from './deb.ts';
import type { Architecture } from './node-runtime.ts';

export { buildDeb, type DebOptions } from './deb.ts';
export { ARCHITECTURES, type Architecture } from './node-runtime.ts';

export interface PackageOptions {
  /** The folder that takes them; it is made where it is missing. */
  readonly out: string;
  readonly architectures: readonly Architecture[];
  readonly onProgress?: (text: string) => void;
}

export interface Built {
  readonly binary: string;
  readonly deb: string;
}

/**
 * Builds the gateway for each architecture: the single binary, a Debian package, and SHA256SUMS of all. The same sources give the same bytes.
 * @returns their paths
 * @throws HeadwaterError `BUNDLE`, `NODE_DOWNLOAD`, `PACKAGE_NODE`, `PACKAGE_BLOB`
 */
export async function buildPackages(options: PackageOptions): Promise<Partial<Record<Architecture, Built>>> {
  const { out, architectures, onProgress = () => {} } = options;
  const { version } = pkg;
  mkdirSync(out, { recursive: true });
  const sums: string[] = [];
  const write = (name: string, content: Buffer, mode: number): string => {
    const file = join(out, name);
    // A program that runs cannot be written to, but its name can be given to another.
    writeFileSync(`${file}.part`, content, { mode });
    renameSync(`${file}.part`, file);
    sums.push(`${createHash('sha256').update(content).digest('hex')}  ${name}\n`);
    onProgress(`${file} (${Math.round(content.length / 1e6)} MB)`);
    return file;
  };
  const bundle = await bundleGateway();
  const built: Partial<Record<Architecture, Built>> = {};
  for (const architecture of architectures) {
    const binary = buildBinary(bundle, architecture);
    const deb = buildDeb({ version, architecture, binary, licences: bundle.licences });
    built[architecture] = {
      binary: write(`headwater-gateway-${version}-linux-${architecture}`, binary, 0o755),
      deb: write(`headwater-gateway_${version}_${DEBIAN_ARCHITECTURE[architecture]}.deb`, deb, 0o644),
    };
  }
  writeFileSync(join(out, 'SHA256SUMS'), sums.join(''));
  return built;
}
