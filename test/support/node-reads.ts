// Reads every source file as Node does, without running it, and prints what is wrong with them as JSON. Wants --experimental-vm-modules.
import { globSync, readFileSync } from 'node:fs';
import { stripTypeScriptTypes } from 'node:module';
import { SourceTextModule } from 'node:vm';

const problems: string[] = [];
for (const file of globSync('**/*.ts', { exclude: ['node_modules/**', '.headwater/**', 'dist/**', '**/*.d.ts'] })) {
  try {
    new SourceTextModule(stripTypeScriptTypes(readFileSync(file, 'utf8')));
  } catch (error) {
    problems.push(`${file}: ${(error as Error).message}`);
  }
}
console.log(JSON.stringify(problems));
