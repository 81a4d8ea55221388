/** An earlier version of starling, to which and from which agents are replaced while traffic goes on. */

import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Docker } from './docker.ts'
import { buildImage } from './image.ts'

const run = promisify(execFile)
const repository = new URL('../..', import.meta.url).pathname

/** 0.1.0; each release records the one before. */
export const earlierCommit = '052c0f79eec33f931e10f9d2baad1216ceb15100'

/** False where this clone's history does not reach back to it. */
export async function buildEarlierImage(docker: Docker, tag: string): Promise<boolean> {
  const place = await mkdtemp(join(tmpdir(), 'starling-earlier-'))
  try {
    const archive = join(place, 'archive.tar')
    // A clone may be somebody else's than root's.
    const git = ['-c', 'safe.directory=*', 'archive', '--output', archive, earlierCommit]
    await run('git', git, { cwd: repository })
    const sources = join(place, 'sources')
    await run('mkdir', [sources])
    await run('tar', ['--extract', '--file', archive, '--directory', sources])
    await buildImage(docker, tag, { sources })
    return true
  } catch (error) {
    if (isUnknown(error)) return false
    throw error
  } finally {
    await rm(place, { recursive: true })
  }
}

const isUnknown = (error: unknown): boolean =>
  error instanceof Error && /not a valid object name|not a git repository/.test(error.message)
