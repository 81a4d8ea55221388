/** A daemon of our own with the images of a chaos run, on which schedules are played; it leaves nothing behind. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Screen } from '../lab/screen.ts'
import { clockLibrary } from './clock-library.ts'
import { Daemon, removeDaemon } from './daemon.ts'
import { buildEarlierImage } from './earlier-version.ts'
import { Events } from './events.ts'
import { changes, footprint } from './footprint.ts'
import { buildImage, importPrograms } from './image.ts'
import type { Line } from './judge/record.ts'
import { kindOf } from './plan/catalogue.ts'
import { faultsOf, type Schedule } from './plan/schedule.ts'
import { Player } from './player.ts'
import { removeMounts, removeNamespaces } from './remains.ts'
import { Sampler } from './sampler.ts'
import { Site } from './site.ts'

/** Begins the name of everything that is made. */
const name = 'starling-chaos'
const images = {
  starling: `${name}:latest`,
  earlier: `${name}:earlier`,
  holder: `${name}-holder:latest`,
}
const directory = join(tmpdir(), name)

export class Session {
  readonly #daemon: Daemon
  readonly #screen: Screen
  readonly #before: Awaited<ReturnType<typeof footprint>>
  #earlierImage: Promise<boolean> | undefined

  private constructor(
    daemon: Daemon,
    screen: Screen,
    before: Awaited<ReturnType<typeof footprint>>,
  ) {
    this.#daemon = daemon
    this.#screen = screen
    this.#before = before
  }

  /** Removes first what a killed run left. */
  static async open(screen: Screen): Promise<Session> {
    await removeDaemon(name)
    await removeAll()
    const before = await footprint(name)
    const daemon = await Daemon.start(name)
    const session = new Session(daemon, screen, before)
    try {
      await session.#makeImages()
    } catch (error) {
      await session.close()
      throw error
    }
    return session
  }

  /**
   * On hosts that are new. Rejects where they do not come up; whatever happens to them then is in the lines. `image`:
   * of starling, by default this checkout's; `sabotage`: what is done once all is well, and no line tells.
   */
  async play(
    schedule: Schedule,
    tell: (line: Line) => void,
    {
      image = images.starling,
      sabotage,
    }: {
      readonly image?: string
      readonly sabotage?: ((site: Site) => Promise<void>) | undefined
    } = {},
  ): Promise<void> {
    tell({ type: 'run', schedule })
    const faults = faultsOf(schedule)
    const site = new Site({
      daemon: this.#daemon,
      project: {
        name,
        hosts: schedule.hosts,
        image,
        changes: new Map(),
        holderImage: images.holder,
        directory,
        clockLibrary: faults.some((fault) => kindOf(fault.name).realm === 'clock')
          ? clockLibrary()
          : undefined,
      },
      daemonNamespace: `${name}-docker`,
      tell,
      earlierImage: faults.some((fault) => fault.name === 'other-version')
        ? await this.#earlier()
        : undefined,
    })
    try {
      this.#screen.title(`${schedule.hosts} hosts`)
      await site.up()
      const { wrong } = await site.settle()
      if (wrong.length > 0) throw new Error(`the hosts do not come up: ${wrong.join('; ')}`)
      const statuses = await Promise.all(site.hosts.map((host) => host.status()))
      await site.mesh.start(statuses.flatMap(({ claims }) => claims.map(({ prefix }) => prefix)))
      this.#screen.good(
        `all are up, and a container behind each sends echoes to ${schedule.hosts - 1} others`,
      )
      const events = new Events(site)
      const sampler = await Sampler.start(site)
      try {
        const sabotaging = sabotage?.(site)
        await new Player(site, this.#screen).play(schedule)
        await sabotaging
        await site.mesh.sum()
      } finally {
        await sampler.stop()
        await events.stop()
      }
    } finally {
      await site.down()
    }
  }

  /** The image of another checkout, by that name. */
  build(tag: string, sources: string): Promise<void> {
    return buildImage(this.#daemon.docker, tag, { sources })
  }

  /** Resolves with what is not as it was before. */
  async close(): Promise<readonly string[]> {
    await this.#daemon.stop()
    await removeAll()
    return changes(this.#before, await footprint(name))
  }

  /** The image of the version that was recorded, made once; undefined where the history does not reach back to it. */
  async #earlier(): Promise<string | undefined> {
    this.#earlierImage ??= buildEarlierImage(this.#daemon.docker, images.earlier)
    const made = await this.#earlierImage
    if (!made) this.#screen.event('no', 'earlier version: its commit is not in this clone')
    return made ? images.earlier : undefined
  }

  async #makeImages(): Promise<void> {
    const { docker } = this.#daemon
    this.#screen.title('The images, built without a registry.')
    await buildImage(docker, images.starling)
    const place = await mkdtemp(join(tmpdir(), `${name}-root-`))
    try {
      const root = join(place, 'root')
      await importPrograms(docker, images.holder, { root, programs: ['sleep'] })
    } finally {
      await rm(place, { recursive: true })
    }
  }
}

/** Namespaces of containers and of hosts, with whatever runs in them. */
async function removeAll(): Promise<void> {
  await removeNamespaces(`${name}-w`)
  await removeNamespaces(`${name}-h`)
  await removeMounts(directory)
  await rm(directory, { recursive: true, force: true })
}
