/** The hosts of a compose project: by default those of the repository's docker-compose.yml, one scaled service. */

import { type Docker, DockerError } from './docker.ts'
import { Host } from './host.ts'

export interface ClusterOptions {
  readonly docker: Docker
  /** Name of the compose project. */
  readonly project: string
  readonly image: string
  /** The compose file. */
  readonly file?: string
}

const composeFile = new URL('../../docker-compose.yml', import.meta.url).pathname

export class Cluster {
  readonly project: string
  readonly #docker: Docker
  readonly #image: string
  readonly #file: string

  constructor({ docker, project, image, file = composeFile }: ClusterOptions) {
    this.#docker = docker
    this.#file = file
    this.project = project
    this.#image = image
  }

  /** `docker compose up --scale host=COUNT`; what runs already is left alone. */
  async scale(count: number): Promise<void> {
    await this.compose('up', '--detach', '--no-build', '--scale', `host=${count}`)
  }

  /** Removes the containers of hosts that have ended, with their state. */
  async removeEnded(): Promise<void> {
    await this.compose('rm', '--force', '-v')
  }

  async down(): Promise<void> {
    await this.compose('down', '-v', '--remove-orphans', '--timeout', '5')
  }

  compose(...words: readonly string[]): Promise<string> {
    const project = ['--file', this.#file, '--project-name', this.project]
    return this.#docker.compose([...project, ...words], { STARLING_IMAGE: this.#image })
  }

  /** The containers of a service in the order of their numbers, ended ones included. */
  async hosts(service = 'host'): Promise<Host[]> {
    const filters = [...this.#own(), '--filter', `label=com.docker.compose.service=${service}`]
    const format = '{{.ID}} {{.Label "com.docker.compose.container-number"}}'
    const shown = await this.#docker.run('ps', '--all', ...filters, '--format', format)
    return lines(shown)
      .map((line) => line.split(' ') as [string, string])
      .sort(([, a], [, b]) => Number(a) - Number(b))
      .map(([id, number]) => new Host(this.#docker, id, `${service} ${number}`))
  }

  /** Its container with its state, as after `docker rm -f -v`. */
  async remove(host: Host): Promise<void> {
    await this.#docker.run('rm', '--force', '--volumes', host.id)
  }

  /** Subnets of the network that the hosts share. */
  async subnets(): Promise<string[]> {
    const format = '{{range .IPAM.Config}}{{println .Subnet}}{{end}}'
    const networks = await this.#list('network')
    const shown = await this.#docker.run('network', 'inspect', ...networks, '--format', format)
    return shown.split('\n').filter(Boolean)
  }

  /** Everything of this project that Docker still has. */
  async remains(): Promise<string[]> {
    const containers = await this.#docker.run('ps', '--all', '--quiet', ...this.#own())
    return [...lines(containers), ...(await this.#list('network')), ...(await this.#list('volume'))]
  }

  async #list(kind: 'network' | 'volume'): Promise<string[]> {
    return lines(await this.#docker.run(kind, 'ls', '--quiet', ...this.#own()))
  }

  #own(): string[] {
    return ['--filter', `label=com.docker.compose.project=${this.project}`]
  }
}

/** The host at a place in the order; rejects with a DockerError where there is none. */
export async function hostAt(cluster: Cluster, index: number): Promise<Host> {
  const host = (await cluster.hosts())[index]
  if (host) return host
  throw new DockerError('not-seen', `${cluster.project} has no host number ${index + 1}`)
}

/** Names of all volumes: compose gives anonymous ones no label. */
export async function volumes(docker: Docker): Promise<string[]> {
  return lines(await docker.run('volume', 'ls', '--quiet'))
}

const lines = (text: string): string[] => text.split('\n').filter(Boolean)
