/** Images as archives that a container runtime imports, made of directories without a registry. */

import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { cp, mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { copyPrograms, prepareContext } from '../../simulations/chaos/image.ts'

const run = promisify(execFile)
const project = join(import.meta.dirname, '../..')

/** Where a name without a host is looked for. */
const registry = 'docker.io/library/'
export const pauseImage = `${registry}starling-pause:test`

/** What starts in a container that names nothing else, as in a Dockerfile. */
interface Start {
  readonly Entrypoint: readonly string[]
  readonly Cmd?: readonly string[]
}

/** Resolves with the archives of the pause image and of starling's. */
export async function makeImages(directory: string, tag: string): Promise<readonly string[]> {
  const pause = join(directory, 'pause')
  await mkdir(pause, { recursive: true })
  const source = join(import.meta.dirname, 'pause.c')
  await run('cc', ['-O2', '-static', '-o', join(pause, 'pause'), source])
  const root = join(directory, 'starling')
  await makeStarlingRoot(root)
  return [
    await archiveOf(pause, pauseImage, { Entrypoint: ['/pause'] }),
    await archiveOf(root, registry + tag, { Entrypoint: ['starling'], Cmd: ['agent'] }),
  ]
}

/** The archive of an image of one layer: what is in `root`. */
async function archiveOf(root: string, tag: string, start: Start): Promise<string> {
  const directory = await mkdtemp(`${root}-`)
  const layer = join(directory, 'layer.tar')
  await run('tar', ['--create', '--file', layer, '--directory', root, '.'])
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(layer)) hash.update(chunk as Buffer)
  const config = {
    architecture: { x64: 'amd64' }[process.arch as string] ?? process.arch,
    os: 'linux',
    config: start,
    rootfs: { type: 'layers', diff_ids: [`sha256:${hash.digest('hex')}`] },
  }
  const manifest = [{ Config: 'config.json', RepoTags: [tag], Layers: ['layer.tar'] }]
  await writeFile(join(directory, 'config.json'), JSON.stringify(config))
  await writeFile(join(directory, 'manifest.json'), JSON.stringify(manifest))
  const archive = `${root}.tar`
  const files = ['manifest.json', 'config.json', 'layer.tar']
  await run('tar', ['--create', '--file', archive, '--directory', directory, ...files])
  await rm(directory, { recursive: true })
  return archive
}

/** What the Dockerfile makes of the sources, of this machine's programs: the same files in the same places. */
async function makeStarlingRoot(root: string): Promise<void> {
  const context = `${root}-context`
  await prepareContext(context, project)
  await copyPrograms(root, ['sh', 'env', 'nft', process.execPath])
  const opt = join(root, 'opt/starling')
  await mkdir(join(root, 'usr/local/bin'), { recursive: true })
  await rename(join(root, process.execPath), join(root, 'usr/local/bin/node'))
  for (const name of ['dist', 'node_modules', 'package.json'])
    await cp(join(context, name), join(opt, name), { recursive: true })
  await symlink('/opt/starling/dist/starling.js', join(root, 'usr/local/bin/starling'))
  for (const folder of ['tmp', 'run/starling', 'var/lib/starling'])
    await mkdir(join(root, folder), { recursive: true })
  await rm(context, { recursive: true })
}
