// Payloads against the types of @slack/types. Attachments and plain blocks accept nearly anything, so known blocks are asked for.
import fs from 'node:fs';
import path from 'node:path';
import { spawnSync } from 'node:child_process';

const modules = process.env.NODE_MODULES;
const files = process.argv.slice(2).map((f) => path.resolve(f));
const folder = fs.mkdtempSync(path.join(path.dirname(modules), 'ts-'));
let bad = false;
try {
  files.forEach((file, i) => {
    const body = JSON.stringify(JSON.parse(fs.readFileSync(file, 'utf8')), null, 1);
    const type = path.basename(file).startsWith('slack-view') ? 'ModalView' : 'Message';
    fs.writeFileSync(path.join(folder, `p${i}.ts`), `import type { KnownBlock, ModalView } from '@slack/types';
type Message = { channel?: string; text: string; blocks?: KnownBlock[] };
export const m: ${type} = ${body};\n`);
  });
  fs.writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify({
    compilerOptions: { strict: true, noEmit: true, skipLibCheck: true, module: 'nodenext', moduleResolution: 'nodenext',
      target: 'es2022', types: [] }, include: ['*.ts'] }));
  const tsc = spawnSync(process.execPath, [path.join(modules, 'typescript/bin/tsc'), '-p', folder, '--pretty', 'false'],
    { encoding: 'utf8' });
  for (const line of (tsc.stdout + tsc.stderr).split('\n').filter(Boolean)) {
    const at = /(?:^|\/)p(\d+)\.ts/.exec(line);
    console.log(at ? `${path.basename(files[Number(at[1])])}: ${line}` : line);
    bad = true;
  }
  if (tsc.error || tsc.status) bad = true;
} finally { fs.rmSync(folder, { recursive: true }); }
console.log(bad ? 'bad' : `ok ${files.length}`);
process.exit(bad ? 1 : 0);
