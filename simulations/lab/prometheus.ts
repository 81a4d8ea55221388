/** A Prometheus on a host of the lab, asked from outside of its network namespace. */

import { spawn } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { Forward } from './forward.ts'
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

export class LabPrometheus {
  readonly #forward: Forward

  private constructor(forward: Forward) {
    this.#forward = forward
  }

  /** Scrapes and judges each second. The lab ends the program with its host. */
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
    const words = [
      'prometheus',
      `--config.file=${join(directory, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(directory, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ]
    spawn('ip', ['netns', 'exec', host.namespace, ...words], { stdio: 'ignore' })
    return new LabPrometheus(await Forward.start(host.namespace, port))
  }

  async stop(): Promise<void> {
    await this.#forward.stop()
  }

  /** Rejects where it is not up yet, and where the expression is wrong. */
  async query(expression: string): Promise<readonly Sample[]> {
    const query = encodeURIComponent(expression)
    const answer = await fetch(`http://127.0.0.1:${this.#forward.port}/api/v1/query?query=${query}`)
    const { status, error, data } = (await answer.json()) as {
      status: string
      error?: string
      data: { result: { metric: Record<string, string>; value: [number, string] }[] }
    }
    if (status !== 'success') throw new LabError('prometheus-failed', `${error}: ${expression}`)
    return data.result.map(({ metric, value: [, text] }) => ({ metric, value: Number(text) }))
  }
}
