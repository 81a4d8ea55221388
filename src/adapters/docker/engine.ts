/** Calls dockerd's API over its unix socket; every failure is an EngineError that says what to do. */

import { request } from 'node:http'

export class EngineError extends Error {
  readonly code: 'usage' | 'docker-unreachable' | 'docker-refused'

  constructor(code: EngineError['code'], message: string) {
    super(message)
    this.name = 'EngineError'
    this.code = code
  }
}

/** A network as Docker has it, or is to have it. */
export interface Network {
  readonly name: string
  readonly driver: string
  readonly ipamDriver: string
  readonly subnets: readonly string[]
  readonly families: readonly (4 | 6)[]
  readonly options: ReadonlyMap<string, string>
}

export interface Engine {
  /** Of dockerd, such as `20.10.24+dfsg1`. */
  version(): Promise<string>
  networks(): Promise<readonly Network[]>
  create(network: Network): Promise<void>
}

/** `host` as DOCKER_HOST has it. Throws an EngineError where it is no unix socket. */
export function engineAt(host: string): Engine {
  const path = /^unix:\/\/(\/.+)$/.exec(host)?.[1]
  if (path === undefined) {
    throw new EngineError(
      'usage',
      `Docker at ${JSON.stringify(host)} is not on this host: write --docker-host unix:///var/run/docker.sock`,
    )
  }
  const call = (method: 'GET' | 'POST', url: string, body?: unknown) =>
    exchange({ path, method, url, body })
  return {
    version: async () => textOf(objectOf(await call('GET', '/version')).Version),
    networks: async () => listOf(await call('GET', '/networks')).map(networkOf),
    create: async (network) => {
      await call('POST', '/networks/create', bodyOf(network))
    },
  }
}

/** Docker waits so long for a driver that is not there, and a little longer. */
const answerMs = 45_000
const answerBytesMax = 16 * 1_048_576

interface Exchange {
  readonly path: string
  readonly method: 'GET' | 'POST'
  readonly url: string
  readonly body: unknown
}

async function exchange({ path, method, url, body }: Exchange): Promise<unknown> {
  const { status, text } = await transfer({ path, method, url, body })
  const answer = parse(text)
  if (status < 300) return answer
  throw new EngineError('docker-refused', textOf(objectOf(answer).message) || `status ${status}`)
}

function transfer({
  path,
  method,
  url,
  body,
}: Exchange): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        socketPath: path,
        path: url,
        method,
        signal: AbortSignal.timeout(answerMs),
        headers: { host: 'docker', 'content-type': 'application/json' },
      },
      (answer) => {
        const chunks: Buffer[] = []
        let bytes = 0
        answer.on('data', (chunk: Buffer) => {
          chunks.push(chunk)
          bytes += chunk.length
          if (bytes > answerBytesMax) answer.destroy(new Error('its answer is too long'))
        })
        answer.on('error', (error) => reject(unreachable(error, path)))
        answer.on('end', () =>
          resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') }),
        )
      },
    )
    sent.on('error', (error) => reject(unreachable(error, path)))
    sent.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

function unreachable(error: NodeJS.ErrnoException, path: string): EngineError {
  return new EngineError('docker-unreachable', unreachableText(error, path))
}

function unreachableText(error: NodeJS.ErrnoException, path: string): string {
  switch (error.code) {
    case 'ENOENT':
      return `no Docker runs on ${path}: start it, or name its socket (--docker-host unix://PATH)`
    case 'ECONNREFUSED':
      return `the Docker of ${path} is gone: start it again`
    case 'EACCES':
      return `no permission to use ${path}: be root or in its group`
    case 'ABORT_ERR':
      return `the Docker of ${path} does not answer within ${answerMs / 1_000} s`
    default:
      return `cannot talk to the Docker of ${path}: ${error.message}`
  }
}

function parse(text: string): unknown {
  try {
    return text.trim() === '' ? {} : JSON.parse(text)
  } catch {
    throw new EngineError('docker-unreachable', `what answers is no Docker: ${text.slice(0, 80)}`)
  }
}

function networkOf(value: unknown): Network {
  const network = objectOf(value)
  const ipam = objectOf(network.IPAM)
  const options = Object.entries(objectOf(network.Options))
  const subnets = listOf(ipam.Config ?? []).map((config) => textOf(objectOf(config).Subnet))
  return {
    name: textOf(network.Name),
    driver: textOf(network.Driver),
    ipamDriver: textOf(ipam.Driver),
    subnets: subnets.filter((subnet) => subnet !== ''),
    families: [
      ...(network.EnableIPv4 === false ? [] : [4 as const]),
      ...(network.EnableIPv6 === true ? [6 as const] : []),
    ],
    options: new Map(options.map(([name, text]) => [name, textOf(text)])),
  }
}

const bodyOf = (network: Network): object => ({
  Name: network.name,
  Driver: network.driver,
  // Before Docker 25 two networks can have one name, unless this is set.
  CheckDuplicate: true,
  ...(network.families.includes(4) ? {} : { EnableIPv4: false }),
  EnableIPv6: network.families.includes(6),
  IPAM: {
    Driver: network.ipamDriver,
    Config: network.subnets.map((Subnet) => ({ Subnet })),
  },
  Options: Object.fromEntries(network.options),
})

const objectOf = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
