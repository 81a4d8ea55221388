/** A Prometheus on a host of the lab, asked from outside of its network namespace. */

import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { stringify } from 'yaml'
import type { LabHost } from './host.ts'
import { LabError } from './iproute.ts'

/** A sample of an instant query. */
export interface Sample {
  readonly metric: Readonly<Record<string, string>>
  readonly value: number
}

export interface Scraping {
  /** Text of a file of rules. */
  readonly rules: string
  readonly job: string
  /** `address:port` */
  readonly targets: readonly string[]
}

/** Of its namespace's loopback. */
const port = 9_090

/** Between a unix socket and a port of the namespace in which it runs. */
const bridge = `
const { connect, createServer } = require('node:net')
createServer((near) => {
  const far = connect(${port}, '127.0.0.1')
  near.on('error', () => far.destroy()).pipe(far)
  far.on('error', () => near.destroy()).pipe(near)
}).listen(process.argv[1])`

export class LabPrometheus {
  readonly #socket: string
  readonly #children: readonly ChildProcess[]

  private constructor(socket: string, children: readonly ChildProcess[]) {
    this.#socket = socket
    this.#children = children
  }

  /** Scrapes and judges each second. The lab ends it with its host. */
  static async start(host: LabHost, { rules, job, targets }: Scraping): Promise<LabPrometheus> {
    const directory = join(host.directory, 'prometheus')
    await mkdir(directory, { recursive: true })
    const config = {
      global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
      rule_files: ['rules.yml'],
      scrape_configs: [{ job_name: job, static_configs: [{ targets }] }],
    }
    await writeFile(join(directory, 'rules.yml'), rules)
    await writeFile(join(directory, 'prometheus.yml'), stringify(config))
    const socket = join(directory, 'socket')
    const inside = (...words: readonly string[]) =>
      spawn('ip', ['netns', 'exec', host.namespace, ...words], { stdio: 'ignore' })
    return new LabPrometheus(socket, [
      inside(
        'prometheus',
        `--config.file=${join(directory, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(directory, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
      ),
      inside(process.execPath, '--eval', bridge, socket),
    ])
  }

  get isUp(): boolean {
    return existsSync(this.#socket) && this.#children.every(({ exitCode }) => exitCode === null)
  }

  /** Rejects where it is not up yet, and where the expression is wrong. */
  async query(expression: string): Promise<readonly Sample[]> {
    const answer = await this.#get(`/api/v1/query?query=${encodeURIComponent(expression)}`)
    const { status, error, data } = JSON.parse(answer) as {
      status: string
      error?: string
      data: { result: { metric: Record<string, string>; value: [number, string] }[] }
    }
    if (status !== 'success') throw new LabError('prometheus-failed', `${error}: ${expression}`)
    return data.result.map(({ metric, value: [, text] }) => ({ metric, value: Number(text) }))
  }

  #get(path: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const asked = request({ socketPath: this.#socket, path, agent: false }, (response) => {
        let body = ''
        response.setEncoding('utf8').on('data', (part: string) => {
          body += part
        })
        response.on('end', () => resolve(body))
      })
      asked.on('error', reject).end()
    })
  }
}
