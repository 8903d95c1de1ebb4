import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, build, type Plugin } from 'esbuild';
import { HeadwaterError } from '../../contract/index.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const embedded = fileURLToPath(new URL('embedded', import.meta.url));

/** A program as one CommonJS script, and the source of each of its threads by the asset's name. */
export interface Bundle {
  readonly main: string;
  readonly threads: ReadonlyMap<string, string>;
  /** The licences of the packages in it. */
  readonly licences: string;
}

/**
 * Bundles the gateway's own entry with all it imports. The output depends on the sources and the locked packages only.
 * @throws HeadwaterError `BUNDLE` with what esbuild said
 */
export async function bundleGateway(): Promise<Bundle> {
  const threads = new Map<string, string>();
  const packages = new Set<string>();
  const main = await bundle(join(root, 'cli/gateway-binary.ts'), threads, packages);
  return { main, threads, licences: [...packages].sort().map(licenceOf).join('\n') };
}

function licenceOf(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
  const files = readdirSync(join(root, folder)).filter((file) => /^(licen[cs]e|copying|notice)(\.|$)/i.test(file));
  const texts = files.sort().map((file) => readFileSync(join(root, folder, file), 'utf8').trim());
  return `${name} ${version} (${license})\n\n${texts.join('\n\n')}\n`;
}

/** Adds the threads that it starts, and the folders of the packages in it. */
async function bundle(entry: string, threads: Map<string, string>, packages: Set<string>): Promise<string> {
  const options: BuildOptions = {
    entryPoints: [entry],
    absWorkingDir: root,
    bundle: true,
    write: false,
    platform: 'node',
    format: 'cjs',
    target: 'node24',
    // Short names would save 1 MB of source at the price of unreadable stack traces from the field.
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    // One byte for each character: a single other one would make the text, which stays in memory, twice as large.
    charset: 'ascii',
    define: { 'import.meta.dirname': '__dirname' },
    metafile: true,
    logLevel: 'silent',
    logOverride: { 'empty-import-meta': 'error' },
    plugins: [ownModulesArePure, zodInEnglish, threadsAsAssets(threads, packages), serialAddonAsAsset],
  };
  try {
    const { outputFiles, metafile } = await build(options);
    for (const input of Object.keys(metafile!.inputs)) {
      const folder = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1];
      if (folder !== undefined) packages.add(folder);
    }
    return outputFiles![0]!.text;
  } catch (cause) {
    throw new HeadwaterError('BUNDLE', `the gateway could not be bundled: ${(cause as Error).message}`, { cause });
  }
}

/** A module of ours does nothing when it is loaded, so that what nobody uses of it, and of what it imports, is left out. */
const ownModulesArePure: Plugin = {
  name: 'own-modules-are-pure',
  setup({ onResolve, resolve }) {
    const asked = Symbol('asked');
    onResolve({ filter: /^\.\.?\// }, async ({ path, pluginData, ...rest }) => {
      if (pluginData === asked || rest.importer.includes('node_modules')) return undefined;
      const found = await resolve(path, { ...rest, pluginData: asked });
      return { ...found, sideEffects: false };
    });
  },
};

/** zod carries its messages in fifty languages, a sixth of the bundle. */
const zodInEnglish: Plugin = {
  name: 'zod-in-english',
  setup({ onLoad }) {
    onLoad({ filter: /\/zod\/v4\/locales\/index\.js$/ }, () => ({
      contents: `export { default as en } from './en.js';`,
    }));
  },
};

const THREAD = /new Worker\(new URL\('(\.[^']+)', import\.meta\.url\), \{/g;

/** `new Worker(new URL('./x.ts', import.meta.url), { … })` takes its source from an asset of the binary. */
function threadsAsAssets(threads: Map<string, string>, packages: Set<string>): Plugin {
  return {
    name: 'threads-as-assets',
    setup({ onLoad }) {
      onLoad({ filter: /\/(gateway|kafka|contract)\/.*\.ts$/ }, async ({ path }) => {
        const source = readFileSync(path, 'utf8');
        const files = [...source.matchAll(THREAD)].map(([, file]) => join(dirname(path), file!));
        if (files.length === 0) return undefined;
        for (const file of files) threads.set(assetOf(file), await bundle(file, threads, packages));
        const rewritten = source.replaceAll(THREAD, (_, file: string) => {
          return `new Worker(embeddedText('${assetOf(join(dirname(path), file))}'), { eval: true,`;
        });
        return {
          contents: `import { embeddedText } from '${embedded}/assets.ts';\n${rewritten}`,
          loader: 'ts',
          resolveDir: dirname(path),
        };
      });
    },
  };
}

const assetOf = (file: string): string => `${basename(dirname(file))}-${basename(file, '.ts')}.js`;

/** serialport looks for its addon with `node-gyp-build`, which searches folders; in the binary it is an asset. */
const serialAddonAsAsset: Plugin = {
  name: 'serial-addon-as-asset',
  setup({ onResolve, onLoad }) {
    const namespace = 'serial-addon';
    onResolve({ filter: /^node-gyp-build$/ }, ({ path }) => ({ path, namespace }));
    onLoad({ filter: /.*/, namespace }, () => ({
      contents: `module.exports = require('${embedded}/addon.ts').loadSerialAddon;`,
      resolveDir: root,
    }));
  },
};
