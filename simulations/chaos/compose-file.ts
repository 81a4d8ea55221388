/** The compose project of a chaos run: of each host a namespace that stays, and an agent in it that comes and goes. */

import { join } from 'node:path'

export interface Project {
  readonly name: string
  readonly hosts: number
  /** Of starling. */
  readonly image: string
  /** Hosts whose agents are not like the others, by number. */
  readonly changes: ReadonlyMap<number, Change>
  /** With `sleep` in it. */
  readonly holderImage: string
  /** Below it, each host's /run/starling and /var/lib/starling. */
  readonly directory: string
  /** Of libfaketime, where clocks are to be set; undefined: they are not. */
  readonly clockLibrary: string | undefined
}

export interface Change {
  /** Of starling. */
  readonly image?: string
  /** Of its agent, besides what all have. */
  readonly environment?: Readonly<Record<string, string>>
}

export const agentService = (host: number): string => `agent${host}`
export const holderService = (host: number): string => `line${host}`
export const runOf = (directory: string, host: number): string => join(directory, `run${host}`)
export const stateOf = (directory: string, host: number): string => join(directory, `state${host}`)
/** In a host's /run/starling: what its clock is ahead. */
export const clockFile = 'clock'
/** On the network that all hosts share. */
export const addressOf = (host: number): string => `192.168.77.${10 + host}`

/** JSON is YAML. */
export function composeFile(project: Project): string {
  const hosts = Array.from({ length: project.hosts }, (_, host) => host)
  const services = hosts.flatMap((host) => [
    [holderService(host), holder(project, host)],
    [agentService(host), agent(project, host)],
  ])
  return JSON.stringify({
    version: '2.4',
    services: Object.fromEntries(services),
    networks: { lan: { ipam: { config: [{ subnet: '192.168.77.0/24' }] } } },
  })
}

const holder = ({ holderImage }: Project, host: number) => ({
  image: holderImage,
  command: ['sleep', 'infinity'],
  // As process 1 it would ignore anything else.
  stop_signal: 'SIGKILL',
  networks: { lan: { ipv4_address: addressOf(host), aliases: ['host'] } },
  sysctls: { 'net.ipv4.ip_forward': 1 },
})

const preloaded = '/usr/local/lib/libfaketime.so.1'

/** The wall clock alone moves, as a clock that is set does. */
const clockEnvironment = {
  LD_PRELOAD: preloaded,
  FAKETIME_TIMESTAMP_FILE: `/run/starling/${clockFile}`,
  FAKETIME_DONT_FAKE_MONOTONIC: '1',
  FAKETIME_CACHE_DURATION: '1',
}

const agent = ({ image, changes, directory, clockLibrary }: Project, host: number) => ({
  image: changes.get(host)?.image ?? image,
  network_mode: `service:${holderService(host)}`,
  environment: {
    STARLING_SEED: 'host',
    STARLING_NAME: `host${host}`,
    STARLING_DISPLACED_AFTER: '3s',
    STARLING_TENURE_MS: '3s',
    STARLING_REFUSE_UNCLAIMED: 'true',
    ...(clockLibrary === undefined ? {} : clockEnvironment),
    ...changes.get(host)?.environment,
  },
  cap_drop: ['ALL'],
  cap_add: ['NET_ADMIN'],
  security_opt: ['no-new-privileges:true'],
  read_only: true,
  healthcheck: { disable: true },
  volumes: [
    `${runOf(directory, host)}:/run/starling`,
    `${stateOf(directory, host)}:/var/lib/starling`,
    ...(clockLibrary === undefined ? [] : [`${clockLibrary}:${preloaded}:ro`]),
  ],
  restart: 'on-failure',
})
