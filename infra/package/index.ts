import { createHash } from 'node:crypto';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pkg from '../../package.json' with { type: 'json' };
import { buildBinary } from './binary.ts';
import { bundleGateway } from './bundle.ts';
import type { Architecture } from './node-runtime.ts';

export { ARCHITECTURES, type Architecture } from './node-runtime.ts';

export interface PackageOptions {
  /** The folder that takes them; it is made where it is missing. */
  readonly out: string;
  readonly architectures: readonly Architecture[];
  readonly onProgress?: (text: string) => void;
}

/**
 * Builds the gateway for each architecture: the single binary, and SHA256SUMS of all.
 * @returns the paths of the binaries
 * @throws HeadwaterError `BUNDLE`, `NODE_DOWNLOAD`, `PACKAGE_NODE`, `PACKAGE_BLOB`
 */
export async function buildPackages({
  out,
  architectures,
  onProgress = () => {},
}: PackageOptions): Promise<Record<Architecture, { readonly binary: string }>> {
  mkdirSync(out, { recursive: true });
  const bundle = await bundleGateway();
  const built: Record<string, { binary: string }> = {};
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
  for (const architecture of architectures) {
    const binary = buildBinary(bundle, architecture);
    built[architecture] = { binary: write(`headwater-gateway-${pkg.version}-linux-${architecture}`, binary, 0o755) };
  }
  writeFileSync(join(out, 'SHA256SUMS'), sums.join(''));
  return built as Record<Architecture, { binary: string }>;
}
