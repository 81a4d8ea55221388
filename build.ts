/** `npm run build`: bundles the agent, the command line and its helpers into dist/, which runs without node_modules but for netlink, and compiles native/. */

import { chmod, cp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Metafile } from 'esbuild'
import { bundle, foldersOf } from './packaging/bundle.ts'
import { compileNative } from './packaging/native.ts'

// A start that reads one file in place of two thousand takes less than half the time.
await rm('dist', { recursive: true, force: true })
const metafile = await bundle(import.meta.dirname)
for (const file of agentFiles(metafile)) await writeFile(file, ascii(await readFile(file, 'utf8')))
await cp('src/adapters/api/proto/starling.proto', 'dist/proto/starling.proto')
// What `starling help CODE` reads.
await cp('docs/operations.md', 'dist/operations.md')
await writeFile('dist/THIRD-PARTY-LICENSES.txt', await licences(foldersOf(metafile)))
await chmod('dist/starling.js', 0o755)
const { lacking } = await compileNative(import.meta.dirname, 'dist/native')
for (const { name, compiler } of lacking)
  console.error(`build: no starling-ipam for ${name}: ${compiler} is not here`)

/** Those of the page are packed already, and browsers read them once. */
function agentFiles({ outputs }: Metafile): string[] {
  return Object.keys(outputs).filter((file) => dirname(file) === 'dist')
}

/**
 * One character beyond ASCII in a file makes V8 hold its source in two bytes for each, and convert it at each start. esbuild
 * escapes those in code; the ones that are left stand in comments of packages.
 */
function ascii(code: string): string {
  return code.replace(
    /[^\0-\x7f]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** The licence texts of all packages that went into the bundle: theirs ask to be passed on with copies. */
async function licences(packages: readonly string[]): Promise<string> {
  const texts: string[] = []
  for (const directory of packages) {
    const manifest = JSON.parse(await readFile(join(directory, 'package.json'), 'utf8')) as {
      name: string
      version: string
      license?: string
    }
    const files = (await readdir(directory)).filter((name) => /^(licen[cs]e|notice)/i.test(name))
    const bodies = await Promise.all(files.map((name) => readFile(join(directory, name), 'utf8')))
    texts.push(
      [`${manifest.name} ${manifest.version} (${manifest.license ?? 'see below'})`, ...bodies].join(
        '\n\n',
      ),
    )
  }
  return texts.join(`\n\n${'-'.repeat(78)}\n\n`)
}
