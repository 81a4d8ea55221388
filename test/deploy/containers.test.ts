/** The Nomad job, the compose file and the Kubernetes manifest give the agent of a host what docs/containers.md says that it needs. */

import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import { parseArgs } from 'node:util'
import { parse as parseHcl } from '@cdktf/hcl2json'
import type { DaemonSet } from 'kubernetes-types/apps/v1.js'
import type { Container, PodSpec } from 'kubernetes-types/core/v1.js'
import { parseAllDocuments, parse as parseYaml } from 'yaml'
import { memoryShortage } from '../../src/adapters/host/memory.ts'
import { fieldKeys, fields } from '../../src/config/fields.ts'
import { variableOf } from '../../src/config/names.ts'

/** What a container is given, whoever starts it. */
interface Given {
  readonly network: string | undefined
  readonly processes: string | undefined
  readonly readOnly: boolean | undefined
  readonly dropped: readonly string[]
  readonly added: readonly string[]
  /** source:target[:options] */
  readonly mounts: readonly string[]
}

interface Service {
  readonly network_mode: string
  readonly pid: string
  readonly read_only: boolean
  readonly cap_drop: readonly string[]
  readonly cap_add: readonly string[]
  readonly security_opt: readonly string[]
  readonly volumes: readonly string[]
  readonly restart: string
  readonly environment: Readonly<Record<string, string>>
  readonly healthcheck?: unknown
}

interface Mount {
  readonly source: string
  readonly target: string
  readonly readonly?: boolean
  readonly bind_options?: readonly { readonly propagation: string }[]
}

interface Config {
  readonly network_mode: string
  readonly pid_mode: string
  readonly readonly_rootfs: boolean
  readonly cap_drop: readonly string[]
  readonly cap_add: readonly string[]
  readonly security_opt: readonly string[]
  readonly mount: readonly Mount[]
  readonly healthchecks?: unknown
}

/** As the parser has it: each block is a list, for it may be there several times. */
interface Job {
  readonly type: string
  readonly group: {
    readonly agent: readonly {
      readonly network: readonly {
        readonly port: { readonly peers: readonly { static: number }[] }
      }[]
      readonly task: { readonly starling: readonly Task[] }
    }[]
  }
}

interface Task {
  readonly driver: string
  readonly env: readonly Readonly<Record<string, string>>[]
  readonly config: readonly Config[]
  readonly resources: readonly { readonly memory: number }[]
}

const read = (name: string): Promise<string> =>
  readFile(join(import.meta.dirname, '../..', name), 'utf8')
const variables = fieldKeys.map(variableOf)

describe('a host that runs containers', () => {
  let needed: Given

  before(async () => {
    needed = commandLine(await read('docs/containers.md'))
    assert.ok(needed.mounts.length > 0, 'the page has the command')
  })

  it('has by compose what the page says, and nothing else', async () => {
    const file = parseYaml(await read('deploy/docker/docker-compose.yml')) as {
      services: { starling: Service }
    }
    const { starling } = file.services
    assert.deepEqual(ofService(starling), needed)
    assert.deepEqual(starling.security_opt, ['no-new-privileges:true'])
    assert.equal(starling.restart, 'on-failure')
    assert.equal(starling.healthcheck, undefined, "the image's own")
    for (const name of Object.keys(starling.environment)) assert.ok(variables.includes(name), name)
  })

  it('has by Nomad what the page says, and nothing else', async () => {
    const name = 'deploy/nomad/starling.nomad.hcl'
    const { job } = (await parseHcl(name, await read(name))) as { job: { starling: Job[] } }
    const [starling] = job.starling
    const [group] = starling?.group.agent ?? []
    const [task] = group?.task.starling ?? []
    const [config] = task?.config ?? []
    assert.ok(group && task && config)
    assert.equal(starling?.type, 'system', 'one on each client')
    assert.equal(task.driver, 'docker')
    assert.deepEqual(ofConfig(config), needed)
    assert.deepEqual(config.security_opt, ['no-new-privileges:true'])
    assert.equal(config.healthchecks, undefined, "the image's own")
    const port = group.network[0]?.port.peers[0]?.static
    assert.deepEqual([String(port)], fields.port.default({ hostname: '' }))
    assert.equal(memoryShortage((task.resources[0]?.memory ?? 0) * 2 ** 20), undefined)
    for (const name of Object.keys(task.env[0] ?? {})) assert.ok(variables.includes(name), name)
  })

  it('has by Kubernetes what the page says and the directories of CNI, but for what is for Docker', async () => {
    const documents = parseAllDocuments(await read('deploy/kubernetes/starling.yaml'))
    const objects = documents.map((each) => each.toJS())
    const daemonSet: DaemonSet = objects.find(({ kind }) => kind === 'DaemonSet')
    const { spec: pod } = daemonSet.spec?.template ?? assert.fail()
    const [agent, ...more] = pod?.containers ?? []
    assert.ok(pod && agent)
    assert.deepEqual(more, [])
    const forDocker = '/run/docker/plugins:/run/docker/plugins'
    const volume = 'starling:/var/lib/starling'
    assert.ok([forDocker, volume].every((mount) => needed.mounts.includes(mount)))
    const mounts = [
      ...needed.mounts.filter((mount) => mount !== forDocker && mount !== volume),
      '/var/lib/starling:/var/lib/starling',
      '/opt/cni/bin:/opt/cni/bin',
      '/etc/cni/net.d:/etc/cni/net.d',
    ].sort()
    assert.deepEqual(ofPod(pod, agent), { ...needed, mounts })
    assert.equal(agent.securityContext?.allowPrivilegeEscalation, false)
    // Docker's own default.
    assert.deepEqual(pod.securityContext, { seccompProfile: { type: 'RuntimeDefault' } })
    const [plugin] = pod.initContainers ?? []
    assert.ok(plugin)
    const { added, dropped, readOnly, mounts: places } = ofPod(pod, plugin)
    assert.deepEqual([added, dropped, readOnly], [[], ['ALL'], true])
    assert.deepEqual(places, ['/opt/cni/bin:/opt/cni/bin'])
  })
})

/** Of the last command on the page that runs an agent for a host. */
function commandLine(page: string): Given {
  const command = page.match(/docker run -d (?:.*\\\n)+.*/g)?.at(-1) ?? ''
  const several = { type: 'string', multiple: true } as const
  const { values } = parseArgs({
    args: command.replaceAll('\\\n', ' ').split(/\s+/).slice(3),
    allowPositionals: true,
    strict: false,
    options: {
      name: { type: 'string' },
      restart: { type: 'string' },
      network: { type: 'string' },
      pid: { type: 'string' },
      'read-only': { type: 'boolean' },
      'cap-drop': several,
      'cap-add': several,
      volume: several,
    },
  })
  const list = (value: unknown): string[] => [value ?? []].flat().map(String).sort()
  return {
    network: values.network as string | undefined,
    processes: values.pid as string | undefined,
    readOnly: values['read-only'] as boolean | undefined,
    dropped: list(values['cap-drop']),
    added: list(values['cap-add']),
    mounts: list(values.volume),
  }
}

const ofService = (service: Service): Given => ({
  network: service.network_mode,
  processes: service.pid,
  readOnly: service.read_only,
  dropped: service.cap_drop,
  added: service.cap_add.toSorted(),
  mounts: service.volumes.toSorted(),
})

const ofConfig = (config: Config): Given => ({
  network: config.network_mode,
  processes: config.pid_mode,
  readOnly: config.readonly_rootfs,
  dropped: config.cap_drop,
  added: config.cap_add.toSorted(),
  mounts: config.mount
    .map(({ source, target, readonly, bind_options }) => {
      const options = [readonly ? 'ro' : [], bind_options?.[0]?.propagation ?? []].flat()
      return [source, target, options.length > 0 ? options.join(',') : []].flat().join(':')
    })
    .sort(),
})

function ofPod(pod: PodSpec, { securityContext, volumeMounts = [] }: Container): Given {
  const paths = new Map(pod.volumes?.map(({ name, hostPath }) => [name, hostPath?.path]))
  return {
    network: pod.hostNetwork ? 'host' : undefined,
    processes: pod.hostPID ? 'host' : undefined,
    readOnly: securityContext?.readOnlyRootFilesystem,
    dropped: securityContext?.capabilities?.drop ?? [],
    added: (securityContext?.capabilities?.add ?? []).toSorted(),
    mounts: volumeMounts
      .map(({ name, mountPath, readOnly, mountPropagation }) => {
        const propagation = mountPropagation === 'HostToContainer' ? 'rslave' : []
        const options = [readOnly ? 'ro' : [], propagation].flat()
        return [paths.get(name), mountPath, options.length > 0 ? options.join(',') : []]
          .flat()
          .join(':')
      })
      .sort(),
  }
}
