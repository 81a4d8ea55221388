/** What esbuild makes of src/page: the files that the agent serves to browsers, as they are and packed. */

import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { type BuildOptions, build, type Metafile, type Plugin } from 'esbuild'

/** The core prints prefixes here, and parses none: what its parser needs has no effect by being imported. */
const withoutParser: Plugin = {
  name: 'without-parser',
  setup: ({ onResolve, resolve }) => {
    onResolve({ filter: /^ip-num$/ }, async ({ path, pluginData, ...from }) => {
      if (pluginData === resolved) return undefined
      const { importer, kind, resolveDir } = from
      const found = await resolve(path, { importer, kind, resolveDir, pluginData: resolved })
      return { ...found, sideEffects: false }
    })
  },
}
const resolved = 'resolved'

const options = {
  entryPoints: { page: 'src/page/page.tsx', style: 'src/page/style.css' },
  outdir: 'dist/page',
  bundle: true,
  minify: true,
  format: 'esm',
  target: ['es2022', 'chrome110', 'firefox115', 'safari16.4'],
  jsx: 'automatic',
  jsxImportSource: 'preact',
  charset: 'utf8',
  plugins: [withoutParser],
  metafile: true,
  logLevel: 'warning',
} satisfies BuildOptions

/** Copied as they are. */
const fixed = ['index.html', 'icon.svg']

/** Writes it to dist/page of `project`, all of it within one moment. */
export async function buildPage(project: string): Promise<Metafile> {
  const { metafile } = await build({ ...options, absWorkingDir: project })
  const directory = join(project, options.outdir)
  for (const name of fixed) await copyFile(join(project, 'src/page', name), join(directory, name))
  for (const name of ['page.js', 'style.css', ...fixed]) {
    const file = join(directory, name)
    // Without a time in it: the same sources give the same bytes.
    await writeFile(`${file}.gz`, gzipSync(await readFile(file), { level: 9 }))
  }
  return metafile
}

/** The same without writing anything. */
export async function buildPageInMemory(project: string): Promise<Metafile> {
  const { metafile } = await build({ ...options, absWorkingDir: project, write: false })
  return metafile
}
