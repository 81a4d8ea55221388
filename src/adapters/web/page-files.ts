/** The page's files, read once: as they are, and packed for browsers that unpack. */

import { existsSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { WebError } from './listener.ts'

export interface PageFile {
  readonly type: string
  readonly plain: Buffer
  readonly gzip: Buffer
}

/** By the path that a browser asks for. `npm run build` makes them. Throws a WebError where they are not there. */
export function readPageFiles(directory: string = beside): ReadonlyMap<string, PageFile> {
  if (!existsSync(directory)) {
    throw new WebError(`the page is not built: there is no ${directory}`, 'run npm run build')
  }
  return new Map(
    Object.entries(names).map(([path, name]) => {
      const file = join(directory, name)
      return [
        path,
        {
          type: types[extname(name)] ?? '',
          plain: readFileSync(file),
          gzip: readFileSync(`${file}.gz`),
        },
      ]
    }),
  )
}

const names: Readonly<Record<string, string>> = {
  '/': 'index.html',
  '/page.js': 'page.js',
  '/style.css': 'style.css',
  '/icon.svg': 'icon.svg',
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/** The sources lie three folders deeper than what is built of them. */
const beside = join(
  import.meta.dirname,
  extname(import.meta.filename) === '.ts' ? '../../../dist/page' : 'page',
)
