/** The image of starling, built by the repository's Dockerfile without any registry. */

import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { foldersNeeded, lockOf } from '../../packaging/lock.ts'
import { printed as printedManifest, shippedManifest } from '../../packaging/manifest.ts'
import { path } from '../../setup/machine.ts'
import { type Docker, execute, printed } from './docker.ts'

const run = promisify(execFile)
const repository = new URL('../..', import.meta.url).pathname

/** What the Dockerfile calls in its build stage, besides node. */
const programs = [
  ...['sh', 'bash', 'env', 'chroot', 'find', 'rm', 'mkdir', 'cp', 'ln', 'sort', 'grep', 'ldd'],
  'nft',
]

/** The client's choice: the classic builder up to Docker 20.10, BuildKit from 23 on. */
type Builder = 'default' | 'buildkit'

/**
 * Builds the image as `tag`, on a base that is made of this machine's own programs. `sources`: a checkout, by default
 * this one, whose packages are used in any case.
 */
export async function buildImage(
  docker: Docker,
  tag: string,
  {
    builder = 'default',
    sources = repository,
  }: { readonly builder?: Builder; readonly sources?: string } = {},
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'starling-image-'))
  const base = `${tag}-base`
  try {
    await importBase(docker, base, join(directory, 'root'))
    await prepareContext(join(directory, 'context'), sources)
    const settings = ['--build-arg', `BASE=${base}`, '--build-arg', 'PREPARED=1']
    const words = [
      'build',
      '--tag',
      tag,
      '--network',
      'none',
      ...settings,
      join(directory, 'context'),
    ]
    const variables = builder === 'buildkit' ? { DOCKER_BUILDKIT: '1' } : {}
    printed(['docker', 'build'], await docker.attempt(words, { variables }))
  } finally {
    await docker.attempt(['image', 'rm', base])
    await rm(directory, { recursive: true, force: true })
  }
}

/** An image of nothing but these programs of this machine, made in the directory `root`. */
export async function importPrograms(
  docker: Docker,
  tag: string,
  { root, programs }: { readonly root: string; readonly programs: readonly string[] },
): Promise<void> {
  await copyPrograms(root, programs)
  await importRoot(docker, tag, root)
}

/** Stands for a Debian image with node: the same files in the same places. */
async function importBase(docker: Docker, tag: string, root: string): Promise<void> {
  await copyPrograms(root, [...programs, process.execPath])
  await copy(process.execPath, join(root, 'usr/local/bin/node'))
  // It is there already where a program was copied from a path below it.
  await mkdir(join(root, 'tmp'), { recursive: true })
  await importRoot(docker, tag, root)
}

/** With the libraries that they load. */
export async function copyPrograms(root: string, names: readonly string[]): Promise<void> {
  await mergeUsr(root)
  const files = new Set<string>()
  for (const name of names) files.add(await pathOf(name))
  const { stdout } = await run('ldd', [...files], { env: { PATH: path } }).catch(
    // It fails for a script among them, and prints the others all the same.
    (error: { stdout: string }) => error,
  )
  for (const [library] of stdout.matchAll(/\/[^ :]+\.so[^ :\n]*/g)) files.add(library)
  for (const file of files) await copy(file, join(root, file))
}

async function importRoot(docker: Docker, tag: string, root: string): Promise<void> {
  const archive = `${root}.tar`
  const command = ['tar', '--create', '--file', archive, '--directory', root, '.'] as const
  printed(command, await execute(command))
  await docker.run('import', archive, tag)
}

/** What `npm ci` and `npm run build` would make of the repository, from what is installed here. */
export async function prepareContext(context: string, checkout: string): Promise<void> {
  const sources = [
    'package.json',
    'package-lock.json',
    'LICENSE',
    'build.ts',
    'docs/operations.md',
    'native',
    'packaging',
    'tsconfig.json',
    'src',
  ]
  for (const file of ['Dockerfile', ...sources])
    await cp(join(checkout, file), join(context, file), { recursive: true })
  // Not in the repository's dist, which others may build or read at the same time.
  await symlink(join(repository, 'node_modules'), join(context, 'node_modules'))
  await run(process.execPath, ['build.ts'], { cwd: context })
  await rm(join(context, 'node_modules'))
  const manifest = await shippedManifest(checkout)
  await writeFile(join(context, 'package.json'), printedManifest(manifest))
  for (const folder of foldersNeeded(await lockOf(repository), Object.keys(manifest.dependencies)))
    await cp(join(repository, folder), join(context, folder), { recursive: true })
}

/** /bin and its like lead into /usr, as in Debian. */
async function mergeUsr(root: string): Promise<void> {
  for (const name of ['bin', 'sbin', 'lib', 'lib64']) {
    await mkdir(join(root, 'usr', name), { recursive: true })
    await symlink(`usr/${name}`, join(root, name))
  }
}

async function pathOf(program: string): Promise<string> {
  const command = ['sh', '-c', `command -v ${program}`] as const
  return printed(command, await execute(command)).trim()
}

async function copy(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true })
  await cp(from, to, { dereference: true })
}
