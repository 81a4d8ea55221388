/** What esbuild makes of src/, and which packages that holds. */

import { type BuildOptions, build, type Metafile } from 'esbuild'
import { buildPage, buildPageInMemory } from './page.ts'

/** Packages that stay outside: a native addon is found beside its own files. */
export const outside: readonly string[] = ['netlink']

const options = {
  entryPoints: {
    starling: 'src/starling.ts',
    'monitor-child': 'src/adapters/netlink/monitor-child.ts',
    'lease-worker': 'src/adapters/store/lease-worker.ts',
  },
  outdir: 'dist',
  bundle: true,
  // What an older Node cannot load must not stand in starling.js, which tells it so.
  splitting: true,
  chunkNames: '[name]-[hash]',
  format: 'esm',
  platform: 'node',
  target: 'node24',
  external: [...outside],
  // What CommonJS packages take for granted.
  banner: {
    js: [
      "import { createRequire as bundleRequire } from 'node:module'",
      'const require = bundleRequire(import.meta.url)',
    ].join('\n'),
  },
  metafile: true,
  logLevel: 'warning',
} satisfies BuildOptions

/** Writes it to dist/ of `project`. */
export async function bundle(project: string): Promise<Metafile> {
  const { metafile } = await build({ ...options, absWorkingDir: project })
  return joined(metafile, await buildPage(project))
}

/** The same without writing anything. */
export async function bundleInMemory(project: string): Promise<Metafile> {
  const { metafile } = await build({ ...options, absWorkingDir: project, write: false })
  return joined(metafile, await buildPageInMemory(project))
}

/** What runs in browsers is a part of what is shipped, too. */
const joined = (agent: Metafile, page: Metafile): Metafile => ({
  inputs: { ...agent.inputs, ...page.inputs },
  outputs: { ...agent.outputs, ...page.outputs },
})

/** Folders of the packages that went into the bundle. */
export function foldersOf({ inputs }: Metafile): string[] {
  return [...new Set(Object.keys(inputs).flatMap(folderOf))].sort()
}

/** Folders of the packages that our own sources in the bundle import. */
export function foldersImported({ inputs }: Metafile): string[] {
  const imported = Object.entries(inputs)
    .filter(([file]) => folderOf(file).length === 0)
    .flatMap(([, { imports }]) => imports.flatMap(({ path }) => folderOf(path)))
  return [...new Set(imported)].sort()
}

const folderOf = (file: string): string[] =>
  /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.slice(0, 1) ?? []
