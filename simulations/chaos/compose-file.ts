/** The compose project of a chaos run: of each host a namespace that stays, and an agent in it that comes and goes. */

export interface Project {
  readonly name: string
  readonly hosts: number
  /** Of starling. */
  readonly image: string
  /** With `sleep` in it. */
  readonly holderImage: string
  /** Below it, each host's /run/starling. */
  readonly directory: string
}

export const agentService = (host: number): string => `agent${host}`
export const holderService = (host: number): string => `line${host}`
export const volumeOf = (host: number): string => `state${host}`
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
    volumes: Object.fromEntries(hosts.map((host) => [volumeOf(host), {}])),
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

const agent = ({ image, directory }: Project, host: number) => ({
  image,
  network_mode: `service:${holderService(host)}`,
  environment: {
    STARLING_SEED: 'host',
    STARLING_NAME: `host${host}`,
    STARLING_DISPLACED_AFTER: '3s',
    STARLING_TENURE_MS: '3s',
  },
  cap_drop: ['ALL'],
  cap_add: ['NET_ADMIN'],
  security_opt: ['no-new-privileges:true'],
  read_only: true,
  healthcheck: { disable: true },
  volumes: [`${directory}/run${host}:/run/starling`, `${volumeOf(host)}:/var/lib/starling`],
  restart: 'on-failure',
})
